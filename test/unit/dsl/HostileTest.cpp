// Texts made to break a lexer or parser, by the rows of the threat model (P1 to P10; P4 is in
// LookaheadTest.cpp). Each is refused, located, and with work that grows with its size.
#include "test/unit/dsl/Shapes.h"
#include "test/unit/dsl/Texts.h"
#include "test/unit/dsl/Work.h"

#include "dsl/Limits.h"
#include "dsl/Parser.h"

#include <clocale>
#include <cmath>
#include <functional>
#include <locale>
#include <pthread.h>

namespace disco::dsl {

namespace {

/// Runs on a thread with a stack of this size.
void onStack(size_t bytes, const std::function<void()> &call) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, bytes), 0);
  pthread_t thread;
  const auto run = [](void *argument) -> void * {
    (*static_cast<const std::function<void()> *>(argument))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, const_cast<std::function<void()> *>(&call)),
            0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

bool mentions(const std::string &text, const std::string &id) {
  return findings(text).find(id) != std::string::npos;
}

/// Twice the text may take little more than twice the work.
void expectLinear(const std::function<std::string(size_t)> &text, size_t size) {
  const auto work = [&](size_t n) {
    const std::string made = text(n);
    findings(made); // tables that are made once
    return double(allocationsOf([&] { findings(made); }));
  };
  EXPECT_LE(work(size), 2.3 * work(size / 2) + 1000) << text(4);
}

TEST(Hostile, P1_depth_of_each_recursion_shape) { // SPEC X3
  for (const size_t stack : {8 << 20, 512 << 10, 128 << 10})
    onStack(stack, [] {
      for (const Shape &shape : kShapes) {
        for (const size_t depth : {Limits::depth - 1, Limits::depth})
          EXPECT_FALSE(mentions(nest(shape, depth), "TooDeep")) << shape.name << ' ' << depth;
        EXPECT_TRUE(mentions(nest(shape, Limits::depth + 1), "TooDeep")) << shape.name;
        // About as deep as the limits of size and tokens let through.
        EXPECT_EQ(findings(nest(shape, 500)), "TooDeep") << shape.name;
      }
    });
}

TEST(Hostile, P1_a_million_levels_are_refused_by_size) { // SPEC X1
  for (const Shape &shape : kShapes)
    EXPECT_EQ(findings(nest(shape, 1'000'000)), "SourceTooLong") << shape.name;
}

TEST(Hostile, P2_flat_chains_of_any_length) {
  for (const auto &[terms, id] :
       std::vector<std::pair<size_t, std::string>>{{1'000, "TooManyNodes"},
                                                   {2'000, "TooManyNodes"},
                                                   {4'000, "TooManyTokens"},
                                                   {10'000, "SourceTooLong"},
                                                   {1'000'000, "SourceTooLong"}})
    onStack(128 << 10, [&, terms = terms, id = id] {
      for (const char *term : {"+1", "*2", "-3"})
        EXPECT_EQ(findings(objective("loss = margin" + repeat(terms, term) + ";")), id) << terms;
    });
}

TEST(Hostile, P2_the_tree_of_a_flat_chain_prints) {
  const Source source("test.dpo", objective("loss = margin" + repeat(2000, "+1") + ";"));
  Diagnostics found;
  const std::optional<Ast> ast = parse(source, found);
  ASSERT_TRUE(ast);
  EXPECT_NE(printAst(*ast).find("name margin"), std::string::npos);
}

TEST(Hostile, P3_errors_take_linear_work) {
  // Error recovery that searches for a way on is quadratic here.
  expectLinear([](size_t n) { return objective("loss = " + repeat(n, "(")); }, 3'000);
  expectLinear([](size_t n) { return objective(repeat(n, "let ; ")); }, 1'300);
  expectLinear([](size_t n) { return objective(repeat(n, "loss = where(1, 2;")); }, 400);
  expectLinear([](size_t n) { return repeat(n, "} "); }, 4'000);
  expectLinear([](size_t n) { return objective("loss = margin " + repeat(n, "**") + ";"); }, 2'000);
  expectLinear([](size_t n) { return objective("loss = x" + repeat(n, ".mean()") + ";"); }, 800);
}

TEST(Hostile, P3_random_tokens) {
  constexpr const char *kTokens[] = {
      "objective", "param", "let", "fn",  "loss",   "reward", "metric", "column", "state",
      "next",      "use",   "in",  "as",  "and",    "or",     "not",    "{",      "}",
      "(",         ")",     "[",   "]",   ",",      ";",      "=",      "^",      "-",
      "+",         "*",     "/",   "<",   "<=",     ">",      "==",     "!=",     "!",
      "&&",        ".",     "?",   ":",   "margin", "exp",    "1",      ".5",     "mean",
      "x",         "beta",  "#",   "log", "where",  "return", "def",    "\n"};
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string text = round % 2 ? "objective o {\n" : "";
    for (size_t i = 0, count = random() % 400; i < count; ++i)
      text += std::string(kTokens[random() % std::size(kTokens)]) + (random() % 4 ? " " : "");
    EXPECT_NE(findings(text), "") << text;
  }
  expectLinear(
      [&](size_t n) {
        std::mt19937_64 same(3);
        std::string text;
        for (size_t i = 0; i < n; ++i)
          text += std::string(kTokens[same() % std::size(kTokens)]) + ' ';
        return text;
      },
      3'000);
}

/// What a text says when blanks and comments are left out.
std::string bare(const std::string &text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text.compare(at, 2, "//") == 0)
      at = std::min(text.find('\n', at), text.size());
    else if (std::string(" \t\r\n").find(text[at]) == std::string::npos)
      out += text[at];
  }
  return out;
}

std::string joinedTokens(const std::string &text) {
  const Source source("test.dpo", text);
  std::string out;
  for (const Token &token : tokenize(source))
    out += source.slice(token.span);
  return out;
}

const std::string kEveryToken = "objective o {\n"
                                "  param b = -0.5 in (-1, 1e3] log;\n"
                                "  fn f(x, y) = x^-y;\n"
                                "  let c = not (margin <= 0) and b != 1 or b == 2;\n"
                                "  loss = where(c, f(b, 2), -margin / 3 + b);\n"
                                "}\n";

TEST(Hostile, P5_every_byte_at_every_token_boundary) {
  const Source source("test.dpo", kEveryToken);
  const std::string inLanguage = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
                                 "{}()[],;=^-+*/<>.! \t\n\r";
  for (const Token &token : tokenize(source))
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = kEveryToken;
      text.insert(token.span.begin, 1, char(byte));
      Diagnostics found;
      if (compileSource(Source("test.dpo", text), found)) {
        // Taken for what it says: nothing was dropped in silence.
        EXPECT_NE(inLanguage.find(char(byte)), std::string::npos) << byte;
        EXPECT_EQ(joinedTokens(text), bare(text)) << text;
      } else if (inLanguage.find(char(byte)) == std::string::npos) {
        const std::vector<Diagnostic> sorted = found.sorted();
        EXPECT_TRUE(std::any_of(sorted.begin(), sorted.end(),
                                [&](const Diagnostic &diagnostic) {
                                  return diagnostic.span.begin == token.span.begin;
                                }))
            << byte << renderDiagnostics(Source("test.dpo", text), sorted);
      }
    }
}

TEST(Hostile, P5_confusables_at_every_token_boundary) {
  ASSERT_GE(confusables().size(), 200u);
  const Source source("test.dpo", kEveryToken);
  for (const Token &token : tokenize(source))
    for (const uint32_t point : confusables()) {
      std::string text = kEveryToken;
      text.insert(token.span.begin, utf8(point));
      Diagnostics found;
      EXPECT_FALSE(compileSource(Source("test.dpo", text), found)) << std::hex << point;
      const Diagnostic first = found.sorted().front();
      EXPECT_EQ(first.kind, DiagnosticKind::NonAscii) << std::hex << point; // SPEC L1
      EXPECT_EQ(first.span.begin, token.span.begin);
    }
}

TEST(Hostile, P6_names_are_ascii) { // SPEC L4
  for (const uint32_t point : confusables())
    for (const size_t at : {size_t(0), size_t(2), size_t(6)}) {
      std::string name = "margin";
      name.insert(at, utf8(point));
      EXPECT_EQ(findings(objective("loss = -" + name + ";")), "NonAscii") << std::hex << point;
    }
  // A look-alike is no other name for the same thing.
  EXPECT_EQ(findings(objective("let m\xd0\xb0rgin = margin; loss = -margin;")), "NonAscii");
}

TEST(Hostile, P6_comments_hide_nothing) { // SPEC L2
  for (const uint32_t point :
       {0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x202a, 0x202e, 0x2066, 0x2069, 0x2028, 0x2029,
        0xfeff, 0xad, 0x61c, 0x85, 0x9b, 0xe0041, 0x2060})
    EXPECT_EQ(findings(objective("loss = -margin; // a" + utf8(point) + "b")), "HiddenCharacter")
        << std::hex << point;
  for (const uint32_t point : {0xe9, 0x3b2, 0x20ac, 0x4e00, 0x1f600})
    EXPECT_EQ(findings(objective("loss = -margin; // " + utf8(point))), "") << std::hex << point;
}

TEST(Hostile, P7_encodings) { // SPEC L3
  const std::string good = objective("loss = -margin;");
  const auto comment = [](const std::string &bytes) {
    return objective("loss = -margin; // " + bytes);
  };
  for (const std::string &bytes : {std::string("\xc0\xaf"),
                                   std::string("\xc1\xbf"),
                                   std::string("\xe0\x80\xaf"),
                                   std::string("\xe0\x9f\xbf"),
                                   std::string("\xf0\x80\x80\xaf"),
                                   std::string("\xf0\x8f\xbf\xbf"),
                                   std::string("\xed\xa0\x80"),
                                   std::string("\xed\xbf\xbf"),
                                   std::string("\xf4\x90\x80\x80"),
                                   std::string("\xf5\x80\x80\x80"),
                                   std::string("\xff"),
                                   std::string("\xfe"),
                                   std::string("\x80"),
                                   std::string("\xbf"),
                                   std::string("\xe2\x82"),
                                   std::string("\xe2\x82\n"),
                                   std::string("\xf8\x88\x80\x80\x80"),
                                   std::string(1, '\0'),
                                   std::string("\x07"),
                                   std::string("\x1b[2J"),
                                   std::string("\x7f"),
                                   std::string("\x0b"),
                                   std::string("\x0c")}) {
    EXPECT_EQ(findings(comment(bytes)), "InvalidEncoding") << bytes;
    EXPECT_EQ(findings(bytes + good), "InvalidEncoding") << bytes;
  }
  EXPECT_EQ(findings(good + "\xc3"), "InvalidEncoding"); // cut in the middle of a character
  EXPECT_EQ(findings(""), "UnexpectedToken");
  EXPECT_EQ(findings("\xef\xbb\xbf" + good), "NonAscii"); // a byte order mark
  std::string wide;
  for (char c : good)
    wide += {c, '\0'};
  EXPECT_EQ(findings("\xff\xfe" + wide), "InvalidEncoding");
  EXPECT_EQ(findings(wide), "InvalidEncoding");
  EXPECT_EQ(findings("objective o {\r\nloss = -margin; // dos\r\n}\r\n"), "");
  EXPECT_EQ(findings("objective o { // hidden\rloss = margin;\nloss = -margin; }"),
            "InvalidEncoding");
}

/// Decimal commas and grouped thousands, for streams.
struct German : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST(Hostile, P8_numbers_whatever_the_locale) { // SPEC L5
  struct Row {
    const char *text;
    std::optional<double> value; // empty: refused
  };
  const std::vector<Row> rows = {{"5", 5.0},
                                 {"0.5", 0.5},
                                 {"1e-3", 1e-3},
                                 {"1E3", 1e3},
                                 {"1e+3", 1e3},
                                 {"007", 7.0},
                                 {"1234.5", 1234.5},
                                 {"00012.500e+01", 125.0},
                                 {"3.4e38", 3.4e38},
                                 {"1.2e-38", 1.2e-38},
                                 {"1e999", {}},
                                 {"1e-999", {}},
                                 {"3.5e38", {}},
                                 {"1e39", {}},
                                 {"1e-39", {}},
                                 {"1e-46", {}},
                                 {"0x10", {}},
                                 {"0x", {}},
                                 {"1_0", {}},
                                 {"1.", {}},
                                 {".5", {}},
                                 {".", {}},
                                 {"1.e3", {}},
                                 {"1e", {}},
                                 {"1e+", {}},
                                 {"1.2.3", {}},
                                 {"2x", {}},
                                 {"0b1", {}},
                                 {"1'000", {}},
                                 {"1,5", {}},
                                 {"inf", {}},
                                 {"nan", {}},
                                 {"1e99999999999999999999", {}}};
  const auto expectRows = [&](const char *locale) {
    for (const Row &row : rows) {
      const std::string text =
          objective("param p = " + std::string(row.text) + "; loss = p * margin;");
      Diagnostics found;
      const std::optional<Program> program = compileSource(Source("test.dpo", text), found);
      ASSERT_EQ(program.has_value(), row.value.has_value()) << locale << ": " << row.text;
      if (program) {
        EXPECT_EQ(program->defaultParameters()[0], *row.value) << locale << ": " << row.text;
      }
    }
    const Program program = compiled(objective("loss = softplus(-1234.5 * margin);"));
    EXPECT_NE(printProgram(program).find("1234.5"), std::string::npos) << locale;
  };
  expectRows("C");
  size_t tried = 0;
  for (const char *name : {"C.UTF-8", "de_DE.UTF-8", "fr_FR.UTF-8", "en_US.UTF-8", "tr_TR.UTF-8"})
    if (std::setlocale(LC_ALL, name)) {
      expectRows(name);
      ++tried;
    } else {
      std::printf("locale %s is not installed and was not tried\n", name);
    }
  std::setlocale(LC_ALL, "C");
  EXPECT_GE(tried, 1u);
  const std::locale before = std::locale::global(std::locale(std::locale(), new German));
  expectRows("decimal commas in streams");
  std::locale::global(before);
  EXPECT_EQ(findings(objective("loss = margin * 0." + repeat(10'000, "1") + ";")), "");
  EXPECT_EQ(findings(objective("loss = margin * -0;")), "DeadLoss");
}

TEST(Hostile, P9_names_that_are_taken) { // SPEC I1
  for (const char *keyword : {"objective", "param", "let", "fn", "loss", "reward", "metric",
                              "column", "state", "next", "use", "in", "as", "and", "or", "not"}) {
    const std::string name = keyword;
    for (const std::string &item :
         {"let " + name + " = 1;", "param " + name + " = 1;", "fn " + name + "(x) = x;",
          "fn f(" + name + ") = 1;", "metric " + name + " = 1;", "let a = " + name + ";"})
      EXPECT_NE(findings(objective(item + " loss = -margin;")), "") << item;
  }
  for (const auto &[items, ids] : std::vector<std::pair<std::string, std::string>>{
           {"let policy_chosen_logps = 1;", "ReservedName"},
           {"let progress = 1;", "ReservedName"},
           {"param batch_size = 1;", "ReservedName"},
           {"let exp = 1;", "ReservedName"},
           {"fn token_count(x) = x;", "ReservedName"},
           {"fn f(exp) = 1;", "UnusedName ReservedName"},
           {"let a = 1; let a = 2;", "UnusedName DuplicateName"},
           {"param a = 1; fn a(x) = x;", "UnusedName DuplicateName"},
           {"fn f(x, x) = x;", "UnusedName DuplicateName"},
           {"let a = b; let b = 1;", "UnusedName UndeclaredName UnusedName"},
           {"let a = a;", "UnusedName UndeclaredName"},
           {"fn f(x) = f(x);", "UnusedName UndeclaredFunction"},
           {"fn f(x) = g(x); fn g(x) = f(x);", "UnusedName UndeclaredFunction UnusedName"},
           {"let a = exp;", "UnusedName NotAFunction"},
           {"let a = margin(1);", "UnusedName NotAFunction"}})
    EXPECT_EQ(findings(objective(items + " loss = -margin;")), ids) << items;
  EXPECT_TRUE(
      mentions(objective("let " + std::string(65, 'a') + " = 1; loss = -margin;"), "NameTooLong"));
  // A name of the prelude may be used for something else.
  EXPECT_EQ(findings(objective("let margin = chosen_ratio; loss = -margin;")), "");
}

TEST(Hostile, P10_comments_and_semicolons_take_linear_work) {
  const std::string good = objective("loss = -margin;");
  expectLinear([&](size_t n) { return repeat(n, "//\n") + good; }, 5'000);
  expectLinear([&](size_t n) { return "//" + std::string(n, 'x') + "\n" + good; }, 16'000);
  expectLinear([&](size_t n) { return std::string(n, '\n') + good; }, 16'000);
  expectLinear([&](size_t n) { return repeat(n, "// \xc3\xa9\xe2\x82\xac\n") + good; }, 1'500);
  expectLinear([](size_t n) { return "objective o {" + repeat(n, ";") + "}"; }, 4'000);
  expectLinear([](size_t n) { return repeat(n, "#\n"); }, 4'000);
  EXPECT_EQ(findings(repeat(5'000, "//\n") + good), "");
}

TEST(Hostile, ParserSurvivesWhatItRefused) {
  const std::string good = objective("loss = softplus(-margin);");
  const Program before = compiled(good);
  for (const Shape &shape : kShapes)
    findings(nest(shape, 300));
  EXPECT_EQ(codeHash(compiled(good)), codeHash(before));
}

TEST(Hostile, PrefixesOfATextAreRefused) {
  for (size_t length = 0; length + 2 < kEveryToken.size(); ++length)
    EXPECT_NE(findings(kEveryToken.substr(0, length)), "") << length;
}

} // namespace

} // namespace disco::dsl

// Texts made to break a parser. Each is refused, located, and in time that a hang or a quadratic
// search would not meet.
#include "test/unit/dsl/Compile.h"

#include "dsl/Limits.h"
#include "dsl/Parser.h"

#include <clocale>
#include <functional>
#include <pthread.h>

namespace disco::dsl {

namespace {

std::string repeat(size_t count, const std::string &text) {
  std::string out;
  out.reserve(count * text.size());
  for (size_t i = 0; i < count; ++i)
    out += text;
  return out;
}

struct Shape {
  const char *name, *open, *middle, *close;
};
constexpr Shape kShapes[] = {
    {"parentheses", "(", "margin", ")"},
    {"calls", "exp(", "margin", ")"},
    {"unclosed", "(", "", ""},
    {"minus", "-", "margin", ""},
    {"not", "not ", "margin", ""},
    {"powers", "margin^", "margin", ""},
    {"choices", "where(margin<0,", "margin", ",0)"},
};

/// Runs on a thread with a small stack.
void onSmallStack(size_t bytes, const std::function<void()> &call) {
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

std::string nest(const Shape &shape, size_t depth) {
  return objective("loss = " + repeat(depth, shape.open) + shape.middle +
                   repeat(depth, shape.close) + ";");
}

TEST(Hostile, MillionDeepIsRefusedBySize) {
  for (const Shape &shape : kShapes)
    EXPECT_EQ(findings(nest(shape, 1'000'000)), "SourceTooLong") << shape.name;
}

TEST(Hostile, DeepWithinTheSizeIsRefusedByDepth) {
  // About as deep as fits in 4,096 tokens.
  for (const Shape &shape : kShapes) {
    const std::string text = nest(shape, 300);
    EXPECT_EQ(findings(text.substr(0, Limits::sourceBytes)), "TooDeep") << shape.name;
  }
}

TEST(Hostile, DeepFromASmallStack) {
  onSmallStack(128 * 1024, [] {
    for (const Shape &shape : kShapes) {
      EXPECT_EQ(findings(nest(shape, 300)), "TooDeep") << shape.name;
      EXPECT_NE(findings(nest(shape, 65)).find("TooDeep"), std::string::npos) << shape.name;
    }
    EXPECT_EQ(findings(objective("loss = margin" + repeat(2000, "+1") + ";")), "TooManyNodes");
  });
}

TEST(Hostile, EveryForeignByteIsRefused) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string allowed = " \t\n";
    if (byte == '\r' || allowed.find(char(byte)) != std::string::npos)
      continue;
    const std::string text =
        "objective o {\n  loss = softplus(-margin) " + std::string(1, char(byte)) + " ;\n}\n";
    EXPECT_NE(findings(text), "") << byte;
  }
}

TEST(Hostile, Encodings) {
  EXPECT_EQ(findings(""), "UnexpectedToken");
  EXPECT_EQ(findings(std::string(1, '\0')), "InvalidEncoding");
  EXPECT_EQ(findings("\xef\xbb\xbf" + objective("loss = softplus(-margin);")), "NonAscii");
  EXPECT_EQ(findings("\xff\xfeo\0b\0"), "InvalidEncoding");
  EXPECT_EQ(findings(objective("loss = margin; // \xc0\xaf overlong")), "InvalidEncoding");
  EXPECT_EQ(findings(objective("loss = margin; // \xed\xa0\x80 surrogate")), "InvalidEncoding");
  EXPECT_EQ(findings(objective("loss = margin; // \xf4\x90\x80\x80 beyond")), "InvalidEncoding");
  EXPECT_EQ(
      findings(objective("loss = softplus(-margin); // gr\xc3\xbc\xc3\x9f dich \xe2\x82\xac")), "");
  EXPECT_EQ(findings(objective("loss = softplus(-margin); // zero\xe2\x80\x8bwidth")),
            "HiddenCharacter");
  EXPECT_EQ(findings("objective o {\r\nloss = softplus(-margin); // dos\r\n}\r\n"), "");
  EXPECT_EQ(findings("objective o { // hidden\rloss = margin;\nloss = softplus(-margin); }"),
            "InvalidEncoding");
  EXPECT_EQ(findings(objective("loss = softplus(-m\xd0\xb0rgin);")), "NonAscii");
}

TEST(Hostile, NumbersAreReadTheSameInEveryLocale) {
  const char *set = std::setlocale(
      LC_ALL, "de_DE.UTF-8"); // skipped silently only in effect: the check holds anyway
  const Program program = compiledLoss("softplus(-1.5 * margin)");
  std::setlocale(LC_ALL, "C");
  (void)set;
  EXPECT_NE(printProgram(program).find("-1.5"), std::string::npos);
}

TEST(Hostile, OddNumbers) {
  for (const char *number : {"0x10", "1_0", ".", ".5", "1.", "1.e3", "1e", "1e+", "1.2.3", "2x"})
    EXPECT_NE(findings(objective("loss = margin * " + std::string(number) + ";")), "") << number;
  for (const char *number : {"1e999", "1e-999", "1e39", "1e-39"})
    EXPECT_EQ(findings(objective("loss = margin + " + std::string(number) + ";")),
              "NumberOutOfRange")
        << number;
  EXPECT_EQ(findings(objective("loss = margin * 00012.500e+01;")), "");
  EXPECT_EQ(findings(objective("loss = margin * 0." + repeat(10'000, "1") + ";")), "");
}

TEST(Hostile, ManyErrorsTakeLinearTime) {
  // Error recovery that searches for a way on takes seconds here.
  EXPECT_NE(findings(objective("loss = " + repeat(3'000, "("))), "");
  EXPECT_NE(findings("objective o {" + repeat(4'000, ";") + "}"), "");
  EXPECT_NE(findings("objective o {" + repeat(1'300, "let ; ") + "}"), "");
  EXPECT_NE(findings(repeat(4'000, "} ")), "");
  EXPECT_EQ(findings(repeat(5'000, "//\n") + objective("loss = softplus(-margin);")), "");
}

TEST(Hostile, ParserSurvivesWhatItRefused) {
  const std::string good = objective("loss = softplus(-margin);");
  const Program before = compiled(good);
  for (const Shape &shape : kShapes)
    findings(nest(shape, 300));
  EXPECT_EQ(codeHash(compiled(good)), codeHash(before));
}

TEST(Hostile, PrefixesOfATextAreRefused) {
  const std::string text =
      objective("param beta = 0.1 in (0, 1] log;\nfn f(x) = x^2;\n"
                "loss = where(margin < 0 and not (margin == 1), f(margin), beta);");
  for (size_t length = 0; length + 3 < text.size(); ++length)
    EXPECT_NE(findings(text.substr(0, length)), "") << length;
}

TEST(Hostile, SyntaxTreeOfAFlatChainPrints) {
  const Source source("test.dpo", objective("loss = margin" + repeat(2000, "+1") + ";"));
  Diagnostics found;
  const std::optional<Ast> ast = parse(source, found);
  ASSERT_TRUE(ast);
  EXPECT_NE(printAst(*ast).find("name margin"), std::string::npos);
}

} // namespace

} // namespace disco::dsl

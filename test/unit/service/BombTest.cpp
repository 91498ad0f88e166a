// Compile bombs (attack row J1): texts of at most 16 KB that would be much work for a compiler.
// Each is refused by the language's limits, with its place, or by the compiler's, or compiled by a
// worker within the CPU time that it allows one compilation.
#include "test/unit/service/Programs.h"

#include <functional>

namespace disco::compiler {
namespace {

std::string repeated(const std::string &text, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i)
    result += text;
  return result;
}

std::string objective(const std::string &loss, const std::string &before = "") {
  return "objective x { param beta = 0.1 in [1e-3, 10] log; " + before + " loss = " + loss + "; }";
}

/// `let v0 = FIRST; let v1 = STEP(v0); ...`: STEP has `@` for the one before.
std::string chain(size_t steps, const std::string &first, const std::string &step) {
  std::string text = "let v0 = " + first + "; ";
  for (size_t i = 1; i <= steps; ++i) {
    std::string next = step;
    for (size_t at; (at = next.find('@')) != std::string::npos;)
      next.replace(at, 1, "v" + std::to_string(i - 1));
    text += "let v" + std::to_string(i) + " = " + next + "; ";
  }
  return text;
}

/// The longest prefix-closed form of `make` that still checks: a bomb right below every limit.
dsl::Program largest(const std::function<std::string(size_t)> &make) {
  const auto checks = [&](size_t size) {
    Diagnostics found;
    return dsl::compileSource(Source("bomb.dpo", make(size)), found).has_value();
  };
  size_t good = 1, bad = 4096;
  while (bad - good > 1)
    (checks((good + bad) / 2) ? good : bad) = (good + bad) / 2;
  return programOf(make(good));
}

struct Bomb {
  const char *name;
  std::function<std::string(size_t)> make; // of a size
};

void PrintTo(const Bomb &bomb, std::ostream *out) { *out << bomb.name; }

const Bomb kBombs[] = {
    {"ProductChain",
     [](size_t n) { return objective("softplus(-" + repeated("margin * ", n) + "margin)"); }},
    {"SumOfProducts",
     [](size_t n) { return objective(repeated("margin * beta + ", n) + "softplus(-margin)"); }},
    {"LogisticChain",
     [](size_t n) {
       return objective("v" + std::to_string(n), chain(n, "margin", "sigmoid(-@)"));
     }},
    {"SquaringChain",
     [](size_t n) {
       return objective("softplus(-v" + std::to_string(n) + ")", chain(n, "margin", "@ * @"));
     }},
    {"PowerTower",
     [](size_t n) {
       return objective("softplus(-v" + std::to_string(n) + ")",
                        chain(n, "exp(beta * margin)", "@ ^ 1.5"));
     }},
    {"DoublingFunctions",
     [](size_t n) {
       return objective("softplus(-v" + std::to_string(n) + ")",
                        chain(n, "margin", "sigmoid(@) + sigmoid(-@) * @"));
     }},
    {"NestedSelections",
     [](size_t n) {
       return objective("softplus(-v" + std::to_string(n) + ")",
                        chain(n, "margin", "where(@ > 1, log1p(@ * @), expm1(-@))"));
     }},
    {"BatchReductionsOfEachOther",
     [](size_t n) {
       return objective("softplus(-v" + std::to_string(n) + ")",
                        chain(n, "margin", "@ - batch_mean(@)"));
     }},
    {"DeviationsOfEachOther",
     [](size_t n) {
       return objective("softplus(-v" + std::to_string(n) + ")",
                        chain(n, "margin", "@ / (1 + batch_std(@))"));
     }},
    {"SortsOfEachOther",
     [](size_t n) {
       return objective("softplus(-v" + std::to_string(n) + ")",
                        chain(n, "margin", "batch_sort(@ * beta)"));
     }},
    {"QuantilesOfEachOther",
     [](size_t n) {
       return objective("softplus(-v" + std::to_string(n) + ")",
                        chain(n, "margin", "@ - batch_quantile(@, 0.5)"));
     }},
    {"ManyMetrics",
     [](size_t n) {
       std::string text = "objective x { loss = softplus(-margin); ";
       for (size_t i = 0; i < n; ++i)
         text += "metric m" + std::to_string(i) + " = exp(margin * " + std::to_string(i) + "); ";
       return text + "}";
     }},
    {"ManyStates",
     [](size_t n) {
       std::string text = "objective x { ", read;
       for (size_t i = 0; i < n; ++i) {
         const std::string name = "s" + std::to_string(i);
         text += "state " + name + " = 0; next " + name + " = " + name + " + batch_mean(margin * " +
                 std::to_string(i) + "); ";
         read += name + " + ";
       }
       return text + "loss = softplus(-margin) + " + read + "0; }";
     }},
    {"TokenSums",
     [](size_t n) {
       std::string sum;
       for (size_t i = 0; i < n; ++i)
         sum += "token_sum(exp(policy_chosen_token_logps * " + std::to_string(i + 1) + ")) + ";
       return objective("softplus(-(" + sum + "margin))");
     }},
    {"DistinctConstants",
     [](size_t n) {
       std::string sum;
       for (size_t i = 0; i < n; ++i)
         sum += "tanh(margin * " + std::to_string(i) + ".5) + ";
       return objective(sum + "softplus(-margin)");
     }},
    {"ErrorFunctions",
     [](size_t n) {
       return objective("softplus(-v" + std::to_string(n) + ")",
                        chain(n, "margin", "log(1 + exp(-@)) * tanh(@)"));
     }},
    {"ExponentsOfEachOther",
     [](size_t n) {
       return objective("softplus(-v" + std::to_string(n) + ")",
                        chain(n, "exp(beta * margin)", "@ ^ detach(tanh(@) + margin)"));
     }},
    {"FunctionsOfFunctions",
     [](size_t n) {
       std::string functions = "fn f0(x) = sigmoid(x) * x; ";
       for (size_t i = 1; i <= n; ++i) {
         const std::string before = "f" + std::to_string(i - 1);
         functions += "fn f" + std::to_string(i) + "(x) = " + before + "(" + before + "(x)); ";
       }
       return objective("softplus(-f" + std::to_string(n) + "(margin))", functions);
     }},
    {"TokensOfBatchesOfTokens",
     [](size_t n) {
       return objective("softplus(-v" + std::to_string(n) + ")",
                        chain(n, "margin",
                              "token_mean(tanh(policy_chosen_token_logps * batch_mean(@))) + "
                              "token_sum(exp(policy_rejected_token_logps + @))"));
     }},
    {"ConditionsOfEachOther",
     [](size_t n) {
       std::string tests = "margin < 0";
       for (size_t i = 0; i < n; ++i)
         tests += " and not (margin * " + std::to_string(i) + " == chosen_ratio or margin ^ 3 > " +
                  std::to_string(i) + ")";
       return objective("where(" + tests + ", softplus(-margin), square(margin))");
     }},
    {"StatisticsInStates",
     [](size_t n) {
       return "objective x { state s = 0; " +
              chain(n, "margin", "s * @ + batch_quantile(@, 0.25) - batch_max(-@)") +
              "next s = batch_std(v" + std::to_string(n) + "); loss = softplus(-v" +
              std::to_string(n) + "); }";
     }},
    {"EverySideAndRow",
     [](size_t n) {
       std::string columns, sum;
       for (size_t i = 0; i < n; ++i) {
         const std::string name = "c" + std::to_string(i), p = "p" + std::to_string(i);
         columns += "column " + name + " = 1; param " + p + " = 1; ";
         sum +=
             "batch_std(" + name + " * margin ^ " + p + ") * softplus(" + name + " - " + p + ") + ";
       }
       return "objective x { " + columns + "loss = " + sum + "softplus(-margin); }";
     }},
};

class J1 : public testing::TestWithParam<Bomb> {};

// The kernels of shipped code, and those with the most instructions.
TEST_P(J1, LargestThatChecksIsCompiledOrRefused) {
  static Service service({.worker = DISCO_CODEGEN});
  const dsl::Program program = largest(GetParam().make);
  for (const HostOptions &options :
       {HostOptions{}, HostOptions{runtime::Target::Portable, runtime::Dtype::Float64}}) {
    Result<runtime::KernelImage> image = service.compile(program, options);
    if (!image) {
      EXPECT_TRUE(image.error().message.find("instructions") != std::string::npos ||
                  image.error().message.find("more CPU time") != std::string::npos)
          << image.error().message;
    }
  }
}

/// The largest frame that functions of an assembly text make, in bytes.
size_t largestFrame(const std::string &assembly) {
  const std::string move = "subq\t$", stack = ", %rsp";
  size_t largest = 0;
  for (size_t at = 0; (at = assembly.find(move, at)) != std::string::npos;) {
    at += move.size();
    size_t digits = 0;
    const size_t size = std::stoul(assembly.substr(at, 20), &digits);
    if (assembly.compare(at + digits, stack.size(), stack) == 0)
      largest = std::max(largest, size);
  }
  return largest;
}

// Attack row J4: threads of a pool may have little stack.
TEST_P(J1, FramesAreSmall) {
  // Float64, which is for checking gradients, needs twice the room and has fewer registers.
  const dsl::Program program = largest(GetParam().make);
  for (runtime::Dtype dtype : {runtime::Dtype::Float32, runtime::Dtype::Float64}) {
    const Result<std::string> assembly =
        Compiler().emit(program, Stage::Asm, {.host = {.dtype = dtype}});
    ASSERT_TRUE(assembly) << assembly.error().message;
    EXPECT_LE(largestFrame(*assembly), dtype == runtime::Dtype::Float32 ? 16u << 10 : 40u << 10)
        << runtime::dtypeName(dtype);
  }
}

TEST(J4, FramesAreSeen) {
  EXPECT_EQ(largestFrame("\tsubq\t$96, %rsp\n\tsubq\t$128, %rsp\n\tsubq\t$512, %rax\n"), 128u);
}

TEST_P(J1, LargerIsRefusedWithItsPlace) {
  const std::string text = GetParam().make(4096);
  Diagnostics found;
  EXPECT_FALSE(dsl::compileSource(Source("bomb.dpo", text), found));
  ASSERT_TRUE(found.hasErrors());
  const Span place = found.sorted().front().span;
  EXPECT_GT(place.begin, 0u) << "where the first limit is passed, not where the text begins";
  EXPECT_LE(place.end, text.size());
}

INSTANTIATE_TEST_SUITE_P(Bomb, J1, testing::ValuesIn(kBombs),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
} // namespace disco::compiler

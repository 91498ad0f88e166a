// Kernels against the formulas of the papers, written out here with their derivatives by hand.
#include "test/unit/compiler/RunKernel.h"

#include <cmath>
#include <functional>
#include <random>

namespace disco::compiler {
namespace {

using dsl::Input;

constexpr size_t kSizes[] = {1, 2, 3, 7, 64, 1000};

/// Log-probabilities whose first pair has margin exactly 0, as every pair has at step 0.
Columns columnsOf(size_t pairs, double spread) {
  Columns columns;
  columns.pairs = pairs;
  std::mt19937 random(unsigned(pairs) + 1);
  std::normal_distribution<float> normal(0, float(spread));
  for (Input input : {Input::policy_chosen_logps, Input::policy_rejected_logps,
                      Input::reference_chosen_logps, Input::reference_rejected_logps})
    for (size_t i = 0; i < pairs; ++i)
      columns[input].push_back(i == 0 ? -20.0f : -20 + normal(random));
  return columns;
}

std::vector<double> marginsOf(Columns &columns) {
  std::vector<double> margins;
  for (size_t i = 0; i < columns.pairs; ++i)
    margins.push_back(double(columns[Input::policy_chosen_logps][i]) -
                      columns[Input::reference_chosen_logps][i] -
                      (double(columns[Input::policy_rejected_logps][i]) -
                       columns[Input::reference_rejected_logps][i]));
  return margins;
}

struct Expected {
  std::vector<double> losses, slopes; // slopes: d mean loss / d margin
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

void expectKernel(const std::string &text, const std::vector<double> &parameters, double tolerance,
                  const std::function<Expected(const std::vector<double> &margins)> &formula) {
  const runtime::HostKernel kernel = kernelOf(programOf(text));
  ASSERT_EQ(kernel.signature.gradients,
            (std::vector<std::string>{"policy_chosen_logps", "policy_rejected_logps"}));
  for (size_t pairs : kSizes) {
    Columns columns = columnsOf(pairs, 3);
    const Expected expected = formula(marginsOf(columns));
    const KernelResults results = run(kernel, columns, parameters);
    double mean = 0, largestSlope = 0;
    for (size_t i = 0; i < pairs; ++i) {
      mean += expected.losses[i] / double(pairs);
      largestSlope = std::max(largestSlope, std::fabs(expected.slopes[i]));
    }
    EXPECT_NEAR(results.loss, mean, tolerance * std::max(1.0, std::fabs(mean)))
        << pairs << " pairs";
    for (size_t i = 0; i < pairs; ++i) {
      ASSERT_NEAR(results.losses[i], expected.losses[i],
                  tolerance * std::max(1.0, std::fabs(expected.losses[i])))
          << i << " of " << pairs;
      ASSERT_NEAR(results.gradients[0][i], expected.slopes[i], tolerance * largestSlope)
          << i << " of " << pairs;
      ASSERT_NEAR(results.gradients[1][i], -expected.slopes[i], tolerance * largestSlope)
          << i << " of " << pairs;
    }
  }
}

// log(1 + e^-z), z = beta margin; slope -beta sigmoid(-z) / n
TEST(ClosedForm, Dpo) {
  const double beta = 0.3;
  expectKernel(
      "objective dpo { param beta = 0.1 in [1e-3, 10] log; loss = softplus(-(beta * margin)); }",
      {beta}, 2e-6, [&](const std::vector<double> &margins) {
        Expected expected;
        for (double margin : margins) {
          expected.losses.push_back(softplus(-beta * margin));
          expected.slopes.push_back(-beta * sigmoid(-beta * margin) / double(margins.size()));
        }
        return expected;
      });
}

// (1 - m) log(1 + e^-z) + m e^-z, m = sigmoid(z / tau)
TEST(ClosedForm, Lrml) {
  const double beta = 0.05, tau = 0.07;
  expectKernel(R"(objective lrml {
    param beta = 0.05 in [1e-3, 10] log;
    param tau = 0.05 in [1e-3, 10] log;
    let z = beta * margin;
    let m = sigmoid(z / tau);
    loss = (1 - m) * softplus(-z) + m * exp(-z);
  })",
               {beta, tau}, 4e-6, [&](const std::vector<double> &margins) {
                 Expected expected;
                 for (double margin : margins) {
                   const double z = beta * margin, m = sigmoid(z / tau), dm = m * (1 - m) / tau;
                   expected.losses.push_back((1 - m) * softplus(-z) + m * std::exp(-z));
                   const double dz = dm * (std::exp(-z) - softplus(-z)) - (1 - m) * sigmoid(-z) -
                                     m * std::exp(-z);
                   expected.slopes.push_back(beta * dz / double(margins.size()));
                 }
                 return expected;
               });
}

// A loss whose scale is a batch statistic: l_i = softplus(-z_i) (1 + mean(z)) + var(z), so that
// every pair's gradient reads every pair. mean' = 1/n; var' = 2 (z_i - mean) / (n - 1), 0 for n
// = 1.
TEST(ClosedForm, BatchStatisticsCouplePairs) {
  const double beta = 0.1;
  expectKernel(R"(objective coupled {
    param beta = 0.1 in [1e-3, 10] log;
    let z = beta * margin;
    loss = softplus(-z) * (1 + batch_mean(z)) + batch_var(z);
  })",
               {beta}, 4e-6, [&](const std::vector<double> &margins) {
                 const double n = double(margins.size());
                 double mean = 0, squares = 0, softplusMean = 0;
                 for (double margin : margins)
                   mean += beta * margin / n;
                 for (double margin : margins) {
                   squares += (beta * margin - mean) * (beta * margin - mean);
                   softplusMean += softplus(-beta * margin) / n;
                 }
                 const double variance = n > 1 ? squares / (n - 1) : 0;
                 Expected expected;
                 for (double margin : margins) {
                   const double z = beta * margin;
                   expected.losses.push_back(softplus(-z) * (1 + mean) + variance);
                   const double dz = -sigmoid(-z) * (1 + mean) / n + softplusMean / n +
                                     (n > 1 ? 2 * (z - mean) / (n - 1) : 0);
                   expected.slopes.push_back(beta * dz);
                 }
                 return expected;
               });
}

// Batch means of each other, so many that pair values are kept between walks:
// v' = v + tanh(v - mean(v)) / 4, twelve times, and l_i = v_i^2. Back: u = g' (1 - t^2) / 4 with
// t the tanh, and g = g' + u - mean(u).
TEST(ClosedForm, LongChainsOfBatchMeans) {
  constexpr size_t kSteps = 12;
  const double beta = 0.1;
  std::string text =
      "objective chain { param beta = 0.1 in [1e-3, 10] log; let v0 = beta * margin; ";
  for (size_t step = 0; step < kSteps; ++step) {
    const std::string v = "v" + std::to_string(step);
    text += "let v" + std::to_string(step + 1) + " = " + v + " + tanh(" + v + " - batch_mean(" + v +
            ")) / 4; ";
  }
  text += "loss = square(v" + std::to_string(kSteps) + "); }";
  EXPECT_NE(sharedCompiler().compileImage(programOf(text))->gradient.plan.find("keep"),
            std::string::npos);
  expectKernel(text, {beta}, 4e-6, [&](const std::vector<double> &margins) {
    const size_t n = margins.size();
    const auto mean = [&](const std::vector<double> &values) {
      double sum = 0;
      for (double value : values)
        sum += value / double(n);
      return sum;
    };
    std::vector<double> v(n), u(n), g(n);
    std::vector<std::vector<double>> tanhs;
    for (size_t i = 0; i < n; ++i)
      v[i] = beta * margins[i];
    for (size_t step = 0; step < kSteps; ++step) {
      const double middle = mean(v);
      std::vector<double> &t = tanhs.emplace_back(n);
      for (size_t i = 0; i < n; ++i) {
        t[i] = std::tanh(v[i] - middle);
        v[i] += t[i] / 4;
      }
    }
    Expected expected;
    for (size_t i = 0; i < n; ++i) {
      expected.losses.push_back(v[i] * v[i]);
      g[i] = 2 * v[i] / double(n);
    }
    for (size_t step = kSteps; step-- > 0;) {
      for (size_t i = 0; i < n; ++i)
        u[i] = g[i] * (1 - tanhs[step][i] * tanhs[step][i]) / 4;
      const double middle = mean(u);
      for (size_t i = 0; i < n; ++i)
        g[i] += u[i] - middle;
    }
    for (double slope : g)
      expected.slopes.push_back(beta * slope);
    return expected;
  });
}

// A long value that could be kept from the first walk on, but that only the second one computes:
// v' = (v + tanh(v)) / 2, twenty times, and l_i = v_i (1 + mean(z)). v' has the slope
// (2 - tanh(v)^2) / 2.
TEST(ClosedForm, LongValuesThatALaterWalkIsFirstToNeed) {
  constexpr size_t kSteps = 20;
  const double beta = 0.1;
  std::string text =
      "objective late { param beta = 0.1 in [1e-3, 10] log; let v0 = beta * margin; ";
  for (size_t step = 0; step < kSteps; ++step) {
    const std::string v = "v" + std::to_string(step);
    text += "let v" + std::to_string(step + 1) + " = (" + v + " + tanh(" + v + ")) / 2; ";
  }
  text += "loss = v" + std::to_string(kSteps) + " * (1 + batch_mean(v0)); }";
  expectKernel(text, {beta}, 4e-6, [&](const std::vector<double> &margins) {
    const double n = double(margins.size());
    double mean = 0, valueMean = 0;
    std::vector<double> values, slopes;
    for (double margin : margins) {
      double v = beta * margin, slope = 1;
      mean += v / n;
      for (size_t step = 0; step < kSteps; ++step) {
        const double t = std::tanh(v);
        slope *= (2 - t * t) / 2;
        v = (v + t) / 2;
      }
      values.push_back(v);
      slopes.push_back(slope);
      valueMean += v / n;
    }
    Expected expected;
    for (size_t i = 0; i < margins.size(); ++i) {
      expected.losses.push_back(values[i] * (1 + mean));
      expected.slopes.push_back(beta * (slopes[i] * (1 + mean) + valueMean) / n);
    }
    return expected;
  });
}

// The batch value is read by a pair operation whose own adjoint is the same for all pairs: the sum
// over pairs must not be lost. l_i = z_i + 3 mean(z): slope (1 + 3) beta / n.
TEST(ClosedForm, UniformAdjointIsSummedOverPairs) {
  const double beta = 2;
  expectKernel(R"(objective uniform {
    param beta = 1 in [1e-3, 10] log;
    let z = beta * margin;
    loss = z + 3 * batch_mean(z);
  })",
               {beta}, 4e-6, [&](const std::vector<double> &margins) {
                 const double n = double(margins.size());
                 double mean = 0;
                 for (double margin : margins)
                   mean += beta * margin / n;
                 Expected expected;
                 for (double margin : margins) {
                   expected.losses.push_back(beta * margin + 3 * mean);
                   expected.slopes.push_back(4 * beta / n);
                 }
                 return expected;
               });
}

// A pair whose branch is not taken may be infinite or NaN there; its gradient is exactly that of
// the other branch.
TEST(ClosedForm, UnselectedBranchContributesExactlyZero) {
  const runtime::HostKernel kernel = kernelOf(programOf(R"(objective guarded {
    loss = where(margin > 0, sqrt(margin), exp(-1000 * margin) * 0 + 1) - margin;
  })"));
  Columns columns = columnsOf(1, 0);
  columns[Input::policy_chosen_logps] = {-18}; // margin 2
  const KernelResults results = run(kernel, columns, {});
  EXPECT_FLOAT_EQ(results.gradients[0][0], 0.5f / std::sqrt(2.0f) - 1);
}

TEST(ClosedForm, NoPairsGiveNaNLossAndWriteNothingElse) {
  const runtime::HostKernel kernel = kernelOf(
      programOf("objective empty { loss = softplus(-margin); metric m = batch_mean(margin); }"));
  float loss = 7, metric = 7, other = 7;
  std::array<const void *, 4> inputs{};
  std::array<float *, 2> outputs = {&other, &other};
  kernel.gradient(inputs.data(), nullptr, 0, &loss, outputs.data());
  EXPECT_TRUE(std::isnan(loss));
  kernel.report(inputs.data(), nullptr, 0, &other, outputs.data(), &metric);
  EXPECT_EQ(metric, 7);
  EXPECT_EQ(other, 7);
}

// 100,000 terms of 0.1: a float32 accumulator would be off in the fourth digit.
TEST(ClosedForm, LargeSumsStayAccurate) {
  const runtime::HostKernel kernel =
      kernelOf(programOf("objective sum { loss = where(margin < 1, 0.1, margin); }"));
  Columns columns = columnsOf(100000, 0);
  EXPECT_FLOAT_EQ(run(kernel, columns, {}).loss, 0.1f);
}

TEST(ClosedForm, RepeatedRunsAreBitIdentical) {
  const runtime::HostKernel kernel =
      kernelOf(programOf("objective repeated { loss = softplus(-margin) * batch_std(margin); }"));
  Columns columns = columnsOf(1000, 3);
  const KernelResults first = run(kernel, columns, {}), second = run(kernel, columns, {});
  EXPECT_EQ(first.loss, second.loss);
  EXPECT_EQ(first.gradients, second.gradients);
}

} // namespace
} // namespace disco::compiler

// Every shipped objective: the kernel against the interpreter, within the bounds of SPEC's N rules,
// at the batch sizes and margins that training meets, exact ties among them.
#include "test/unit/compiler/RunKernel.h"

#include "dsl/Tolerance.h"

#include <filesystem>
#include <random>

namespace disco::compiler {
namespace {

using dsl::Input;

std::vector<std::string> shippedObjectives() {
  std::vector<std::string> paths;
  for (const auto &entry : std::filesystem::directory_iterator(DISCO_OBJECTIVES))
    if (entry.path().extension() == ".dpo")
      paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// Margins of both signs up to `largest`; a third of the pairs have policy equal to reference.
Columns columnsOf(size_t pairs, float largest) {
  Columns columns;
  columns.pairs = pairs;
  std::mt19937 random(unsigned(pairs * 131 + size_t(largest)));
  std::uniform_real_distribution<float> shift(-largest / 2, largest / 2), base(-60, -10);
  for (size_t i = 0; i < pairs; ++i) {
    const float chosen = base(random), rejected = base(random);
    const bool isTie = i % 3 == 0;
    columns[Input::reference_chosen_logps].push_back(chosen);
    columns[Input::reference_rejected_logps].push_back(rejected);
    columns[Input::policy_chosen_logps].push_back(isTie ? chosen : chosen + shift(random));
    columns[Input::policy_rejected_logps].push_back(isTie ? rejected : rejected + shift(random));
    columns[Input::chosen_length].push_back(float(1 + random() % 40));
    columns[Input::rejected_length].push_back(float(1 + random() % 40));
  }
  return columns;
}

void expectAgreement(std::span<const float> actual, const std::vector<double> &expected,
                     const std::vector<double> &bounds, const std::vector<bool> &nearKink,
                     const char *what) {
  for (size_t i = 0; i < actual.size(); ++i)
    if (!nearKink[i])
      ASSERT_TRUE(dsl::tolerance::agrees(actual[i], expected[i], bounds[i]))
          << what << ' ' << i << " of " << actual.size() << ": " << actual[i] << ", expected "
          << expected[i] << " within " << bounds[i];
}

TEST(Shipped, EveryObjectiveAgreesWithTheInterpreter) {
  const std::vector<std::string> paths = shippedObjectives();
  ASSERT_GE(paths.size(), 13u);
  for (const std::string &path : paths) {
    SCOPED_TRACE(path);
    Result<Source> source = dsl::readSource(path);
    ASSERT_TRUE(source) << source.error().message;
    const dsl::Program program = programOf(source->text());
    const runtime::HostKernel kernel = kernelOf(program);
    const std::vector<double> parameters = program.defaultParameters();
    dsl::Interpreter interpreter(program);
    for (size_t pairs : {1, 2, 3, 7, 64, 1000})
      for (float largest : {0.0f, 0.5f, 5.0f, 30.0f, 100.0f}) {
        SCOPED_TRACE(testing::Message() << pairs << " pairs, margins to " << largest);
        Columns columns = columnsOf(pairs, largest);
        std::array<std::vector<double>, dsl::kInputCount> wide;
        dsl::Batch batch;
        batch.pairs = pairs;
        for (size_t i = 0; i < dsl::kInputCount; ++i) {
          wide[i].assign(columns.values[i].begin(), columns.values[i].end());
          batch.columns[i] = wide[i];
        }
        dsl::Evaluation expected;
        dsl::ErrorBounds bounds;
        // The kernel's parameters are float32.
        std::vector<double> rounded;
        for (double parameter : parameters)
          rounded.push_back(double(float(parameter)));
        interpreter.evaluateWithBounds(batch, rounded, expected, bounds);
        const KernelResults results = run(kernel, columns, parameters);
        expectAgreement(results.losses, expected.losses, bounds.losses, bounds.nearKink,
                        "loss of pair");
        for (size_t g = 0; g < kernel.signature.gradients.size(); ++g) {
          const size_t input = size_t(*dsl::inputByName(kernel.signature.gradients[g]));
          expectAgreement(results.gradients[g], expected.gradients[input], bounds.gradients[input],
                          bounds.nearKink, kernel.signature.gradients[g].c_str());
        }
        if (std::find(bounds.nearKink.begin(), bounds.nearKink.end(), true) ==
            bounds.nearKink.end())
          EXPECT_TRUE(dsl::tolerance::agrees(results.loss, expected.loss, bounds.loss))
              << results.loss << ", expected " << expected.loss << " within " << bounds.loss;
      }
  }
}

} // namespace
} // namespace disco::compiler

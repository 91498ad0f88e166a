// Compiles a program and calls its kernel on plain vectors.
#pragma once

#include "compiler/Compiler.h"
#include "dsl/Dsl.h"

#include <gtest/gtest.h>

#include <array>
#include <string_view>

namespace disco::compiler {

/// One compiler for the whole test program: making one costs more than most tests.
inline Compiler &sharedCompiler() {
  static Compiler compiler;
  return compiler;
}

/// The program of a text that is known to be right.
inline dsl::Program programOf(const std::string &text) {
  const Source source("test.dpo", text);
  Diagnostics diagnostics;
  std::optional<dsl::Program> program = dsl::compileSource(source, diagnostics);
  if (!program)
    throw std::runtime_error(renderDiagnostics(source, diagnostics.sorted()));
  return std::move(*program);
}

inline runtime::HostKernel kernelOf(const dsl::Program &program) {
  Result<runtime::HostKernel> kernel = sharedCompiler().compileHost(program);
  if (!kernel)
    throw std::runtime_error(kernel.error().message);
  return std::move(*kernel);
}

/// Float32 columns by input; those a program does not read may stay empty.
struct Columns {
  size_t pairs = 0;
  std::array<std::vector<float>, dsl::kInputCount> values;
  std::vector<float> &operator[](dsl::Input input) { return values[size_t(input)]; }
};

struct KernelResults {
  float loss = 0;
  std::vector<std::vector<float>> gradients; // by place in Signature::gradients
  std::vector<float> losses, chosenRewards, rejectedRewards, metrics;
};

inline KernelResults run(const runtime::HostKernel &kernel, const Columns &columns,
                         const std::vector<double> &parameters) {
  const size_t pairs = columns.pairs;
  std::vector<const void *> inputs;
  for (const std::string &name : kernel.signature.inputs)
    inputs.push_back(columns.values[size_t(*dsl::inputByName(name))].data());
  std::vector<float> settings(parameters.begin(), parameters.end());
  settings.resize(kernel.signature.numbers());
  KernelResults results;
  results.gradients.assign(kernel.signature.gradients.size(), std::vector<float>(pairs));
  std::vector<float *> gradients;
  for (std::vector<float> &gradient : results.gradients)
    gradients.push_back(gradient.data());
  kernel.gradient(inputs.data(), settings.data(), int64_t(pairs), &results.loss, gradients.data());
  results.losses.resize(pairs);
  results.chosenRewards.resize(pairs);
  results.rejectedRewards.resize(pairs);
  results.metrics.resize(kernel.signature.metrics.size());
  std::array<float *, 2> rewards = {results.chosenRewards.data(), results.rejectedRewards.data()};
  kernel.report(inputs.data(), settings.data(), int64_t(pairs), results.losses.data(),
                rewards.data(), results.metrics.data());
  return results;
}

} // namespace disco::compiler

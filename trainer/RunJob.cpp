// A job is a training that writes nothing, and its evaluation.
#include "trainer/RunJob.h"

#include "trainer/Evaluate.h"
#include "trainer/TrainRun.h"
#include "trainer/data/Task.h"

#include <c10/util/Exception.h>

#include <chrono>

namespace disco::trainer {
namespace {

JobResult trainAndScore(const JobSpec &spec, Objective &objective) {
  JobResult result;
  auto config = jobConfigFromYaml(spec.trainerConfig, "trainer config of the job");
  if (!config) {
    result.reason = config.error().message;
    return result;
  }
  config->train.seed = spec.seed;
  auto task = data::loadTask(spec.task);
  if (!task) {
    result.reason = task.error().message;
    return result;
  }
  prepareProcess(spec.threads);
  TrainOutcome trained = train(spec.task, config->train, objective, {});
  result.status = trained.status;
  result.reason = trained.reason;
  result.firstLoss = trained.firstLoss;
  result.lastLoss = trained.lastLoss;
  result.rewardAccuracy = trained.rewardAccuracy;
  result.steps = static_cast<int>(trained.steps);
  if (trained.status != JobResult::Status::Ok)
    return result;

  result.status = JobResult::Status::Failed;
  auto setup = loadEvalSetup(*task, spec.prompts, config->eval_prompts);
  if (!setup) {
    result.reason = setup.error().message;
    return result;
  }
  auto scored = evaluate(*trained.policy, *setup,
                         {spec.prompts, config->eval_prompts, config->eval_samples, spec.seed});
  if (!scored) {
    result.status = JobResult::Status::NonFinite;
    result.reason = scored.error().message;
    return result;
  }
  result.status = JobResult::Status::Ok;
  result.reward = scored->reward;
  result.judge = scored->judge;
  result.klPolicyReference = scored->klPolicyReference;
  result.klReferencePolicy = scored->klReferencePolicy;
  result.completionLength = scored->completionLength;
  return result;
}

} // namespace

JobResult runJob(const JobSpec &spec, Objective &objective) {
  auto started = std::chrono::steady_clock::now();
  JobResult result;
  try {
    result = trainAndScore(spec, objective);
  } catch (const c10::Error &error) {
    result = {};
    result.reason = std::string("torch: ") + error.what_without_backtrace();
  } catch (const std::bad_alloc &) {
    result = {};
    result.reason = "out of memory";
  }
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return result;
}

} // namespace disco::trainer

// Compiled objectives from workers: the same code as without them, and a clear error for each way a
// worker can end.
#include "test/unit/service/Programs.h"

#include <csignal>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace disco::compiler {
namespace {

ServiceOptions withWorkers(unsigned workers = 1) {
  return {.worker = DISCO_CODEGEN, .workers = workers};
}

/// The processes that this one has started and not waited for.
std::set<pid_t> children() {
  std::ifstream file("/proc/self/task/" + std::to_string(getpid()) + "/children");
  std::set<pid_t> ids;
  for (pid_t id = 0; file >> id;)
    ids.insert(id);
  return ids;
}

/// What a worker compiles: the program as text and back.
dsl::Program reread(const dsl::Program &program) { return programOf(dsl::printProgram(program)); }

TEST(Service, WorkersMakeTheCodeThatThisProcessMakes) {
  Compiler compiler;
  Service service(withWorkers());
  for (const char *name : {"dpo", "lrml", "aqfl"}) {
    const Result<Source> source =
        dsl::readSource(std::string(DISCO_OBJECTIVES "/") + name + ".dpo");
    ASSERT_TRUE(source);
    const dsl::Program program = programOf(source->text());
    Result<runtime::KernelImage> image = service.compile(program);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->signature, signatureOf(program));
    Result<runtime::KernelImage> expected = compiler.compileImage(reread(program));
    ASSERT_TRUE(expected) << expected.error().message;
    EXPECT_EQ(image->code, expected->code) << name;
    EXPECT_EQ(image->gradient, expected->gradient) << name;
  }
}

TEST(Service, EveryProgramOfABatchHasItsOwnResult) {
  std::vector<dsl::Program> programs;
  for (int i = 0; i < 12; ++i)
    programs.push_back(lossOf("relu(" + std::to_string(i) + " - margin)"));
  Service service(withWorkers(2));
  const std::vector<Result<runtime::KernelImage>> images = service.compileAll(programs);
  EXPECT_EQ(children().size(), 2u);
  Compiler compiler;
  for (size_t i = 0; i < programs.size(); ++i) {
    ASSERT_TRUE(images[i]) << images[i].error().message;
    EXPECT_EQ((*images[i]).code, compiler.compileImage(reread(programs[i]))->code) << i;
  }
}

TEST(Service, WhatTheCacheHasNeedsNoWorker) {
  const Folder folder;
  const dsl::Program program = lossOf("relu(1 - margin)");
  ServiceOptions options = withWorkers();
  options.cache = cacheIn(folder);
  const std::string code = Service(options).compile(program)->code;
  options.worker = folder.path("absent");
  Result<runtime::KernelImage> cached = Service(options).compile(program);
  ASSERT_TRUE(cached) << cached.error().message;
  EXPECT_EQ(cached->code, code);
  EXPECT_FALSE(Service(options).compile(lossOf("relu(2 - margin)")));
}

TEST(Service, EveryShippedObjectiveIsFoundAgain) {
  const Folder folder;
  Service filling({.cache = cacheIn(folder, 1 << 30)});
  Service finding({.worker = folder.path("absent"), .cache = cacheIn(folder, 1 << 30)});
  for (const auto &file : std::filesystem::directory_iterator(DISCO_OBJECTIVES)) {
    if (file.path().extension() != ".dpo")
      continue;
    const dsl::Program program = programOf(dsl::readSource(file.path().string())->text());
    Result<runtime::KernelImage> image = filling.compile(program);
    ASSERT_TRUE(image) << image.error().message;
    Result<runtime::KernelImage> found = finding.compile(program);
    ASSERT_TRUE(found) << file.path() << ": " << found.error().message;
    EXPECT_EQ(*found, *image) << file.path();
  }
}

TEST(Service, ACorruptEntryIsCompiledAgain) {
  const Folder folder;
  const dsl::Program program = lossOf("relu(1 - margin)");
  const std::string code = Service({.cache = cacheIn(folder)}).compile(program)->code;
  for (const auto &entry : std::filesystem::directory_iterator(folder.path("cache")))
    std::ofstream(entry.path(), std::ios::binary | std::ios::in).seekp(200) << "zap";
  EXPECT_EQ(Service({.cache = cacheIn(folder)}).compile(program)->code, code);
}

// The code of one program under the name of another, and of doubles under that of floats.
TEST(Service, AForeignEntryIsCompiledAgain) {
  const Folder folder;
  const dsl::Program program = lossOf("relu(1 - margin)"), other = lossOf("relu(2 - margin)");
  const auto entry = [&] {
    return std::filesystem::directory_iterator(folder.path("cache"))->path();
  };
  const std::string code = Service({.cache = cacheIn(folder)}).compile(program)->code;
  const std::filesystem::path name = entry();
  for (const auto &[source, dtype] :
       {std::pair{&other, runtime::Dtype::Float32}, std::pair{&program, runtime::Dtype::Float64}}) {
    std::filesystem::remove(name);
    const std::string foreign =
        Service({.cache = cacheIn(folder)}).compile(*source, {.dtype = dtype})->code;
    std::filesystem::rename(entry(), name);
    EXPECT_NE(foreign, code);
    EXPECT_EQ(Service({.cache = cacheIn(folder)}).compile(program)->code, code);
  }
}

TEST(Service, AWorkerKilledFromOutsideIsReplaced) {
  Service service(withWorkers());
  ASSERT_TRUE(service.compile(lossOf("relu(1 - margin)")));
  const std::set<pid_t> before = children();
  ASSERT_EQ(before.size(), 1u);
  kill(*before.begin(), SIGKILL);
  Result<runtime::KernelImage> image = service.compile(lossOf("relu(2 - margin)"));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_NE(children(), before);
  ASSERT_EQ(service.lostWorkers().size(), 1u);
  EXPECT_EQ(service.lostWorkers()[0], "was ended by signal 9 (Killed)");
}

// Stopped first, so that it has the program and not finished it when it is killed.
TEST(Service, AWorkerKilledWhileItCompilesIsReplacedAndItsProgramCompiled) {
  Service service(withWorkers());
  ASSERT_TRUE(service.compile(lossOf("relu(1 - margin)")));
  const pid_t worker = *children().begin();
  kill(worker, SIGSTOP);
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    kill(worker, SIGKILL);
  });
  Result<runtime::KernelImage> image = service.compile(lossOf("relu(2 - margin)"));
  killer.join();
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->code, Compiler().compileImage(reread(lossOf("relu(2 - margin)")))->code);
  EXPECT_EQ(service.lostWorkers(), std::vector<std::string>{"was ended by signal 9 (Killed)"});
}

/// Bytes of a process that RLIMIT_DATA counts.
rlim_t dataOf(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmData:"))
      return std::stoul(line.substr(7)) * 1024;
  return 0;
}

/// A program that takes much more of everything than what a worker warms up with.
dsl::Program demanding() {
  std::string text = "objective demanding { let v0 = margin; ";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "v" + std::to_string(i - 1);
    text += "let v" + std::to_string(i) + " = tanh(" + before + ") + " + before + " * " +
            std::to_string(i) + "; ";
  }
  return programOf(text + "loss = softplus(-v39) * batch_std(v39); }");
}

// A real error inside LLVM, not one of FakeCodegen.cpp: the worker has no more memory than after it
// warmed up, and a little. How LLVM ends then depends on what it asks memory for.
TEST(Service, MemoryThatLlvmCannotHaveCostsOneWorker) {
  Service service(withWorkers());
  ASSERT_TRUE(service.compile(lossOf("relu(1 - margin)")));
  const pid_t worker = *children().begin();
  const rlim_t most = dataOf(worker) + (1 << 18);
  const rlimit limit{most, most};
  ASSERT_EQ(prlimit(worker, RLIMIT_DATA, &limit, nullptr), 0);
  Result<runtime::KernelImage> image = service.compile(demanding());
  ASSERT_TRUE(image) << image.error().message; // by the next worker
  EXPECT_EQ(image->code, Compiler().compileImage(reread(demanding()))->code);
  ASSERT_EQ(service.lostWorkers().size(), 1u);
  EXPECT_NE(service.lostWorkers()[0].find("was ended by signal "), std::string::npos)
      << service.lostWorkers()[0];
}

TEST(Service, NoWorkerOutlivesIt) {
  {
    Service service(withWorkers(2));
    service.start();
    EXPECT_EQ(children().size(), 2u);
  }
  EXPECT_TRUE(children().empty());
}

/// The line of a file of /proc that begins with `name`, without it and without spaces before what
/// follows; empty if there is none.
std::string lineOf(const std::string &path, const std::string &name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name))
      return line.substr(std::min(line.find_first_not_of(" \t", name.size()), line.size()));
  return "";
}

TEST(Service, AWorkerLimitsItselfWhateverItsParentDoes) {
  // What a profiler may have done. Both survive the start of another program.
  sigset_t timer, before;
  sigemptyset(&timer);
  sigaddset(&timer, SIGPROF);
  sigprocmask(SIG_BLOCK, &timer, &before);
  const auto handler = signal(SIGPROF, SIG_IGN);
  Service service(withWorkers());
  const bool compiled = bool(service.compile(lossOf("relu(1 - margin)")));
  signal(SIGPROF, handler);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(compiled);
  ASSERT_EQ(children().size(), 1u);
  const std::string process = "/proc/" + std::to_string(*children().begin());
  const auto limit = [&](const std::string &name) {
    std::istringstream line(lineOf(process + "/limits", name));
    std::string soft, hard;
    line >> soft >> hard;
    EXPECT_EQ(soft, hard) << name;
    return hard;
  };
  EXPECT_EQ(limit("Max core file size"), "0");
  EXPECT_EQ(limit("Max file size"), std::to_string(64 << 10));
  EXPECT_EQ(limit("Max open files"), "16");
#ifndef __SANITIZE_ADDRESS__
  EXPECT_EQ(limit("Max data size"), std::to_string(512 << 20));
#endif
  for (const char *set : {"SigBlk:", "SigIgn:"})
    EXPECT_EQ(std::stoull(lineOf(process + "/status", set), nullptr, 16) >> (SIGPROF - 1) & 1, 0u)
        << set;
}

// Standard input, output and error; what else this process has open is not the worker's.
TEST(Service, AWorkerHasNoFilesOfItsParent) {
  const Folder folder;
  std::ofstream open(folder.path("file")); // without O_CLOEXEC
  Service service(withWorkers());
  ASSERT_TRUE(service.compile(lossOf("relu(1 - margin)")));
  for (const auto &file :
       std::filesystem::directory_iterator("/proc/" + std::to_string(*children().begin()) + "/fd"))
    EXPECT_LE(std::stoi(file.path().filename()), 2) << std::filesystem::read_symlink(file.path());
}

// As Python's multiprocessing does it: a worker that two processes ask has two minds.
TEST(Service, AForkedProcessHasItsOwnWorkersAndLeavesOursAlone) {
  auto service = std::make_unique<Service>(withWorkers());
  ASSERT_TRUE(service->compile(lossOf("relu(1 - margin)")));
  const std::set<pid_t> ours = children();
  const pid_t child = fork();
  if (child == 0) {
    const bool compiled = bool(service->compile(lossOf("relu(2 - margin)")));
    const std::set<pid_t> theirs = children();
    const bool own = theirs.size() == 1 && theirs != ours && service->lostWorkers().empty();
    service.reset();
    _exit(compiled && own && children().empty() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(service->compile(lossOf("relu(3 - margin)")));
  EXPECT_EQ(children(), ours);
  EXPECT_TRUE(service->lostWorkers().empty());
}

TEST(Service, WithoutAWorkerTheDeadlineEndsThisProcess) {
  Service service({.deadline = std::chrono::milliseconds(1)});
  EXPECT_EXIT((void)service.compile(demanding()), testing::ExitedWithCode(1),
              "error: compiling `demanding` was not done after 1 ms and was ended");
}

TEST(InProcessBudget, EndsWhatTakesMoreCpuTime) {
  const auto spin = [] {
    const InProcessBudget budget("spinning", std::chrono::hours(1), std::chrono::milliseconds(30));
    for (volatile int i = 0;;)
      i = i + 1;
  };
  EXPECT_EXIT(spin(), testing::ExitedWithCode(1),
              "error: spinning took more CPU time than a compilation may");
}

TEST(Service, WithoutAWorkerThisProcessCompiles) {
  Service service({});
  EXPECT_TRUE(service.compile(lossOf("relu(1 - margin)")));
  EXPECT_TRUE(children().empty());
}

/// The error of a service whose worker behaves in a way that FakeCodegen.cpp knows.
std::string errorWith(const std::string &behaviour,
                      std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
  const Folder folder;
  std::filesystem::create_symlink(DISCO_FAKE_CODEGEN, folder.path(behaviour));
  Service service({.worker = folder.path(behaviour), .deadline = deadline});
  Result<runtime::KernelImage> image = service.compile(lossOf("relu(1 - margin)"));
  return image ? "compiled" : image.error().message;
}

TEST(Service, AnErrorInsideLlvmIsTriedOnceMoreAndNamed) {
  EXPECT_EQ(errorWith("crashes"),
            "compiling `x` ended the code generator 2 times; at last it was ended by signal 6 "
            "(Aborted): LLVM ERROR: out of registers");
}

TEST(Service, AProgramWhoseWorkersAreKilledIsNamed) {
  EXPECT_EQ(errorWith("killed"), "compiling `x` ended the code generator 2 times; at last it was "
                                 "ended by signal 9 (Killed)");
}

TEST(Service, AWorkerThatHangsIsEndedAtTheDeadline) {
  EXPECT_EQ(errorWith("hangs", std::chrono::milliseconds(50)),
            "compiling `x` was not done after 50 ms and was ended");
}

TEST(Service, ACompilationOutOfCpuTimeIsNotTriedAgain) {
  EXPECT_EQ(errorWith("spins"), "compiling `x` took more CPU time than a compilation may");
}

TEST(Service, AnswersThatAreNoneAreRefused) {
  for (const char *behaviour : {"babbles", "boasts"})
    EXPECT_NE(errorWith(behaviour).find("ended the code generator 2 times; at last it was killed"),
              std::string::npos)
        << errorWith(behaviour);
  EXPECT_EQ(errorWith("lies"), "the answer of a code generator: is no compiled objective (.dpoc)");
}

TEST(Service, WorkersThatDoNotStartAreNamed) {
  EXPECT_NE(errorWith("exits").find("exits: the code generator ended with status 7"),
            std::string::npos);
  EXPECT_NE(errorWith("foreign").find("foreign: the code generator is of another build"),
            std::string::npos);
  Service absent({.worker = "/nowhere/disco-codegen"});
  EXPECT_EQ(absent.compile(lossOf("relu(1 - margin)")).error().message,
            "/nowhere/disco-codegen: cannot start the code generator: No such file or directory");
}

/// Resident memory of a process in KiB.
size_t residentKiB(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * size_t(sysconf(_SC_PAGESIZE)) / 1024;
}

// bench-generation shows the same for any number.
TEST(Service, MemoryOfAWorkerIsFlatOverCompiles) {
  Service service(withWorkers());
  const auto compile = [&](int i) {
    ASSERT_TRUE(service.compile(lossOf("relu(" + std::to_string(i) + " - margin)")));
  };
  for (int i = 0; i < 100; ++i)
    compile(i);
  const pid_t worker = *children().begin();
  const size_t before = residentKiB(worker);
  for (int i = 100; i < 600; ++i)
    compile(i);
  EXPECT_EQ(*children().begin(), worker);
  // A leak of one kernel's code (8 KiB) in each would be 4,000.
  EXPECT_LE(residentKiB(worker), before + 2000);
}

} // namespace
} // namespace disco::compiler

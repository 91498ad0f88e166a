// The archive by itself: who may open it, what survives, and texts that try to be SQL.
#include "trainer/search/Archive.h"

#include "TestRun.h"

#include <csignal>
#include <fstream>

#include <sys/resource.h>

namespace disco::search {
namespace {

Candidate candidate(const std::string &text, int slot = 0) {
  Candidate candidate;
  candidate.slot = slot;
  candidate.proposer = "grammar";
  candidate.label = text;
  candidate.parents = {3, 1};
  candidate.verdict = "accepted";
  candidate.repairs = "ForeignSpelling";
  candidate.text = text;
  return candidate;
}

TEST(Archive, TextsComeBackAsTheyWent) {
  TemporaryFolder folder;
  Result<Archive> archive = Archive::open(folder.path(), "same", Archive::Open::New);
  ASSERT_TRUE(archive) << archive.error().message;
  std::vector<std::string> texts{"'); DROP TABLE candidates; --", "\" OR 1=1", "a\nb\\0",
                                 "%s?1:name"};
  for (size_t i = 0; i < texts.size(); ++i)
    ASSERT_TRUE(archive->addCandidate(candidate(texts[i], static_cast<int>(i))));
  Result<std::vector<Candidate>> read = archive->candidates();
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ((*read)[i].text, texts[i]);
  EXPECT_EQ((*read)[0].parents, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ((*read)[0].repairs, "ForeignSpelling");
}

TEST(Archive, OneWriterAtATime) {
  TemporaryFolder folder;
  Result<Archive> first = Archive::open(folder.path(), "same", Archive::Open::New);
  ASSERT_TRUE(first);
  Result<Archive> second = Archive::open(folder.path(), "same", Archive::Open::Resume);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another `disco evolve` is at work"), std::string::npos)
      << second.error().message;
  EXPECT_TRUE(Archive::read(folder.path())) << "reading is open to anybody";
}

TEST(Archive, NewAndResumeAreNotMixedUp) {
  TemporaryFolder folder;
  EXPECT_NE(Archive::open(folder.path(), "a", Archive::Open::Resume)
                .error()
                .message.find("no run to resume"),
            std::string::npos);
  EXPECT_NE(Archive::read(folder.path()).error().message.find("there is no run here"),
            std::string::npos);
  ASSERT_TRUE(Archive::open(folder.path(), "a", Archive::Open::New));
  EXPECT_NE(Archive::open(folder.path(), "a", Archive::Open::New)
                .error()
                .message.find("there is a run already"),
            std::string::npos);
  EXPECT_NE(Archive::open(folder.path(), "b", Archive::Open::Resume)
                .error()
                .message.find("other settings"),
            std::string::npos);
  EXPECT_TRUE(Archive::open(folder.path(), "a", Archive::Open::Resume));
}

TEST(Archive, AnInterruptedAttemptIsNotCounted) {
  TemporaryFolder folder;
  {
    Result<Archive> archive = Archive::open(folder.path(), "a", Archive::Open::New);
    EXPECT_EQ(*archive->leaseJob("key", "spec"), 0); // and the process ends here
  }
  Result<Archive> archive = Archive::open(folder.path(), "a", Archive::Open::Resume);
  EXPECT_EQ(*archive->leaseJob("key", "spec"), 0);
  ASSERT_TRUE(archive->releaseJob("key", "crashed"));
  EXPECT_EQ(*archive->leaseJob("key", "spec"), 1) << "a failed one is";
}

TEST(Archive, AFileThatIsNoDatabaseIsNamed) {
  TemporaryFolder folder;
  std::ofstream(folder / "archive.sqlite") << std::string(4096, 'x');
  Result<Archive> archive = Archive::open(folder.path(), "a", Archive::Open::Resume);
  ASSERT_FALSE(archive);
  EXPECT_NE(archive.error().message.find("archive.sqlite: file is not a database"),
            std::string::npos)
      << archive.error().message;
}

TEST(Archive, AFullDiskIsSaidAndLosesNothing) {
  TemporaryFolder folder;
  size_t kept = 0;
  {
    Result<Archive> archive = Archive::open(folder.path(), "a", Archive::Open::New);
    ASSERT_TRUE(archive);
    // A limit on the size of files plays the full disk.
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    rlimit small{256 * 1024, before.rlim_max};
    auto ignored = std::signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    Result<void> added;
    while (kept < 1000 && (added = archive->addCandidate(
                               candidate(std::string(2000, 'x'), static_cast<int>(kept)))))
      ++kept;
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, ignored);
    ASSERT_FALSE(added);
    EXPECT_NE(added.error().message.find("archive.sqlite"), std::string::npos);
    EXPECT_NE(added.error().message.find("free some space"), std::string::npos)
        << added.error().message;
  }
  Result<Archive> archive = Archive::open(folder.path(), "a", Archive::Open::Resume);
  ASSERT_TRUE(archive) << archive.error().message;
  EXPECT_EQ(archive->candidates()->size(), kept);
  EXPECT_TRUE(archive->addCandidate(candidate("again", static_cast<int>(kept))));
}

} // namespace
} // namespace disco::search

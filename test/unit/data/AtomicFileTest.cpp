// What must hold when a write is cut short: the old file stays. The full disk is a real one of 64
// KiB.
#include "trainer/data/AtomicFile.h"
#include "Files.h"

#include <csignal>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace disco;
using namespace disco::data;
using disco::test::slurp;
using disco::test::TemporaryFolder;

namespace {

size_t filesIn(const std::string &folder) {
  size_t count = 0;
  for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator(folder))
    ++count;
  return count;
}

/// A file system of 64 KiB at `folder`, seen by this process alone; in a user namespace, so that it
/// takes no privilege.
bool mountSmallDisk(const std::string &folder) {
  std::string user = std::to_string(::getuid()), group = std::to_string(::getgid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " + user + " 1";
  std::ofstream("/proc/self/gid_map") << "0 " + group + " 1";
  return ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=64k") == 0;
}

} // namespace

// `-o /dev/stdout` and `-o >(less)`: replacing the device by a file would be a disaster for root.
TEST(AtomicFile, WritesToWhatIsNotARegularFile) {
  TemporaryFolder folder;
  std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  ASSERT_TRUE(writeFileAtomically(pipe, "hello"));
  char content[8] = {};
  EXPECT_EQ(::read(reader, content, sizeof content), 5);
  EXPECT_STREQ(content, "hello");
  ::close(reader);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  EXPECT_EQ(filesIn(folder.path()), 1u);
}

TEST(AtomicFile, ReplacesTheWholeFile) {
  TemporaryFolder folder;
  std::string path = folder.write("f", "a much longer old content");
  ASSERT_TRUE(writeFileAtomically(path, "new"));
  EXPECT_EQ(slurp(path), "new");
  EXPECT_EQ(filesIn(folder.path()), 1u);
}

TEST(AtomicFile, KeepsPermissionsAndLinks) {
  TemporaryFolder folder;
  std::string path = folder / "private", link = folder / "link";
  ASSERT_TRUE(writeFileAtomically(path, "old"));
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  std::filesystem::create_symlink("private", link);
  ASSERT_TRUE(writeFileAtomically(link, "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(slurp(path), "new");
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(filesIn(folder.path()), 2u);
}

TEST(AtomicFile, NothingIsVisibleBeforeCommit) {
  TemporaryFolder folder;
  std::string path = folder.write("f", "old");
  {
    Result<AtomicFile> file = AtomicFile::create(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("new"));
    EXPECT_EQ(slurp(path), "old");
  }
  EXPECT_EQ(slurp(path), "old") << "abandoned without commit";
  EXPECT_EQ(filesIn(folder.path()), 1u) << "the temporary file is gone";
}

TEST(AtomicFile, MissingFolderIsNamed) {
  TemporaryFolder folder;
  Result<void> written = writeFileAtomically(folder / "no/f", "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message,
            (folder / "no/f") + ": cannot create: No such file or directory");
}

TEST(AtomicFile, AWriteThatFailsKeepsTheOldFile) {
  TemporaryFolder folder;
  std::string path = folder.write("f", "old");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  Result<void> written = writeFileAtomically(path, std::string(5000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message, path + ": cannot write: File too large");
  EXPECT_EQ(slurp(path), "old");
  EXPECT_EQ(filesIn(folder.path()), 1u);
}

TEST(AtomicFile, AFullDiskIsSaidAndKeepsTheOldFile) {
  TemporaryFolder folder;
  if (!mountSmallDisk(folder.path()))
    GTEST_SKIP() << "no permission to mount a small file system here";
  std::string path = folder.write("f", "old");
  Result<void> written = writeFileAtomically(path, std::string(1 << 20, 'x'));
  std::string kept = slurp(path);
  size_t files = filesIn(folder.path());
  ::umount(folder.path().c_str());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message,
            path + ": cannot write: No space left on device; free some space and run the command "
                   "again, what was finished before is kept");
  EXPECT_EQ(kept, "old");
  EXPECT_EQ(files, 1u);
}

TEST(ReadFile, LimitFolderAndMissing) {
  TemporaryFolder folder;
  std::string path = folder.write("f", "12345");
  ASSERT_TRUE(readFile(path, 5));
  EXPECT_EQ(*readFile(path, 5), "12345");
  EXPECT_EQ(readFile(path, 4).error().message, path + ": larger than the limit of 4 bytes");
  EXPECT_EQ(readFile(folder.path()).error().message,
            folder.path() + ": cannot read: Is a directory");
  EXPECT_EQ(readFile(folder / "no").error().message,
            (folder / "no") + ": cannot open: No such file or directory");
}

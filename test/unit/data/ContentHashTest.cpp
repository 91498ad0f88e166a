// SHA-256 answers are those of FIPS 180-2's examples.
#include "trainer/data/ContentHash.h"
#include "Files.h"

using namespace disco::data;

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ContentHash, BoundariesOfPartsMatter) {
  EXPECT_NE(ContentHash().add("ab").add("c").hex(), ContentHash().add("a").add("bc").hex());
  EXPECT_EQ(ContentHash().add("ab").hex(), ContentHash().add("ab").hex());
}

TEST(ContentHash, AFileCountsAsItsContent) {
  disco::test::TemporaryFolder folder;
  ContentHash hash;
  ASSERT_TRUE(hash.addFile(folder.write("f", "ab")));
  EXPECT_EQ(hash.hex(), ContentHash().add("ab").hex());
  EXPECT_FALSE(ContentHash().addFile(folder / "missing"));
}

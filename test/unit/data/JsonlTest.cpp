// Bad rows must be refused with their place; compressed forms are made here with the libraries' own
// one-shot calls.
#include "trainer/data/Jsonl.h"
#include "Files.h"

#include <lzma.h>
#include <vector>
#include <zlib.h>
#include <zstd.h>

using namespace disco;
using namespace disco::data;
using disco::test::TemporaryFolder;

namespace {

std::string gzip(const std::string &text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(text.data()));
  stream.avail_in = unsigned(text.size());
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = unsigned(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string &text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string xz(const std::string &text) {
  std::string out(lzma_stream_buffer_bound(text.size()), '\0');
  size_t length = 0;
  lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, nullptr,
                          reinterpret_cast<const uint8_t *>(text.data()), text.size(),
                          reinterpret_cast<uint8_t *>(out.data()), &length, out.size());
  out.resize(length);
  return out;
}

/// All values of field "a", or the error.
Result<std::vector<std::string>> column(const std::string &path, const JsonlLimits &limits = {}) {
  Result<JsonlReader> reader = JsonlReader::open(path, limits);
  if (!reader)
    return reader.error();
  std::vector<std::string> values;
  for (;;) {
    Result<bool> more = reader->next();
    if (!more)
      return more.error();
    if (!*more)
      return values;
    Result<std::string> value = reader->string("a");
    if (!value)
      return value.error();
    values.push_back(*value);
  }
}

/// The error of reading a file with this content, without the folder.
std::string problem(const std::string &content, const JsonlLimits &limits = {},
                    const std::string &name = "f.jsonl") {
  TemporaryFolder folder;
  Result<std::vector<std::string>> rows = column(folder.write(name, content), limits);
  return rows ? "none" : rows.error().message.substr(folder.path().size() + 1);
}

const std::string kRows = "{\"a\": \"one\"}\n\n{\"a\": \"zwei \\u00e4\"}\r\n{\"a\":\"\"}";
const std::vector<std::string> kValues{"one", "zwei \xC3\xA4", ""};

} // namespace

TEST(Jsonl, PlainRowsBlankLinesAndNoFinalNewline) {
  TemporaryFolder folder;
  EXPECT_EQ(*column(folder.write("f.jsonl", kRows)), kValues);
  EXPECT_EQ(*column(folder.write("bom.jsonl", "\xEF\xBB\xBF" + kRows)), kValues);
  EXPECT_EQ(*column(folder.write("empty.jsonl", "")), std::vector<std::string>{});
}

TEST(Jsonl, CompressedRows) {
  TemporaryFolder folder;
  EXPECT_EQ(*column(folder.write("f.jsonl.gz", gzip(kRows))), kValues);
  EXPECT_EQ(*column(folder.write("f.jsonl.zst", zstd(kRows))), kValues);
  EXPECT_EQ(*column(folder.write("f.jsonl.xz", xz(kRows))), kValues);
}

TEST(Jsonl, SeveralCompressedPartsInOneFile) {
  TemporaryFolder folder;
  std::string first = "{\"a\":\"1\"}\n", second = "{\"a\":\"2\"}\n";
  std::vector<std::string> both{"1", "2"};
  EXPECT_EQ(*column(folder.write("f.gz", gzip(first) + gzip(second))), both);
  EXPECT_EQ(*column(folder.write("f.zst", zstd(first) + zstd(second))), both);
  EXPECT_EQ(*column(folder.write("f.xz", xz(first) + xz(second))), both);
}

TEST(Jsonl, TruncatedOrDamagedCompression) {
  std::string rows;
  for (int i = 0; i < 1000; ++i)
    rows += "{\"a\":\"" + std::to_string(i * 7919) + "\"}\n";
  auto cut = [](std::string text) { return text.substr(0, text.size() / 2); };
  EXPECT_EQ(problem(cut(gzip(rows)), {}, "f.gz"), "f.gz: the compressed data ends too early");
  EXPECT_EQ(problem(cut(zstd(rows)), {}, "f.zst"), "f.zst: the compressed data ends too early");
  EXPECT_EQ(problem(cut(xz(rows)), {}, "f.xz"), "f.xz: the compressed data ends too early");
  EXPECT_EQ(problem("plain text", {}, "f.gz"), "f.gz: damaged gzip data: incorrect header check");
  EXPECT_EQ(problem("plain text", {}, "f.zst"),
            "f.zst: damaged zstd data: Unknown frame descriptor");
  EXPECT_EQ(problem("plain text of some length", {}, "f.xz"), "f.xz: damaged xz data");
}

TEST(Jsonl, DecompressionBombsStop) {
  std::string zeros = "{\"a\":\"\"}\n";
  for (int i = 0; i < 21; ++i)
    zeros += zeros; // 18 MiB of one row again and again
  EXPECT_EQ(problem(xz(zeros), {}, "f.xz").substr(0, 5), "f.xz:");
  EXPECT_NE(problem(xz(zeros), {}, "f.xz").find("decompresses to more than 200 times its size"),
            std::string::npos);
  EXPECT_NE(problem(zstd(zeros), {}, "f.zst").find("decompresses to more than 200 times"),
            std::string::npos);
  EXPECT_NE(problem(gzip(zeros), {.totalBytes = 1 << 20}, "f.gz")
                .find("more than 1048576 bytes of text in the file, its limit"),
            std::string::npos);
}

TEST(Jsonl, LineOverTheLimit) {
  std::string limit = std::to_string(4 << 20);
  std::string longest = "{\"a\":\"" + std::string((4 << 20) - 8, 'x') + "\"}";
  EXPECT_EQ(problem("{\"a\":\"1\"}\n" + longest + "\n"), "none");
  EXPECT_EQ(problem("{\"a\":\"1\"}\n" + longest + " \n"),
            "f.jsonl:2: line longer than " + limit + " bytes, the limit");
}

TEST(Jsonl, BrokenUtf8) {
  EXPECT_EQ(problem("{\"a\":\"x\"}\n{\"a\":\"x\xC3\"}\n"),
            "f.jsonl:2: invalid UTF-8 at byte 8 of the line");
  EXPECT_EQ(problem("{\"a\":\"\xED\xA0\x80\"}"), "f.jsonl:1: invalid UTF-8 at byte 7 of the line");
  EXPECT_EQ(problem("{\"a\":\"\xC0\x80\"}"), "f.jsonl:1: invalid UTF-8 at byte 7 of the line");
}

TEST(Jsonl, NotJson) {
  EXPECT_EQ(problem("{\"a\":\"x\"}\n{\"a\": nope}\n").substr(0, 21), "f.jsonl:2: not JSON: ");
  EXPECT_EQ(problem("{\"a\":\"x\"} {}\n").substr(0, 21), "f.jsonl:1: not JSON: ");
  EXPECT_EQ(problem(std::string("{\"a\":\"x\0\"}", 10)).substr(0, 21), "f.jsonl:1: not JSON: ");
  EXPECT_EQ(problem("{\"a\":\"x\",\"b\":1e999}\n"),
            "f.jsonl:1: a number is too large for a double");
  EXPECT_EQ(problem("[1]\n"), "f.jsonl:1: a row must be an object, this one is array");
}

TEST(Jsonl, NestingHasALimit) {
  auto nested = [](int depth) {
    return "{\"a\":\"[[[\",\"b\":" + std::string(size_t(depth) - 1, '[') +
           std::string(size_t(depth) - 1, ']') + "}";
  };
  EXPECT_EQ(problem(nested(64)), "none");
  EXPECT_EQ(problem(nested(65)), "f.jsonl:1: nested deeper than 64 levels, the limit");
  EXPECT_EQ(problem(nested(2000000)), "f.jsonl:1: nested deeper than 64 levels, the limit");
}

TEST(Jsonl, FieldsAreChecked) {
  EXPECT_EQ(problem("{\"b\":\"x\"}"), "f.jsonl:1: field `a` is missing");
  EXPECT_EQ(problem("{\"a\":12}"), "f.jsonl:1: field `a` must be a string, it is number");
  EXPECT_EQ(problem("{\"a\":null}"), "f.jsonl:1: field `a` must be a string, it is null");
  EXPECT_EQ(problem("{\"a\":\"x\",\"b\":1,\"b\":2}"), "f.jsonl:1: field `b` is given twice");
  EXPECT_EQ(problem("{\"a\":\"x\",\"b\":[{\"a\":1},{\"a\":2}]}"), "none");
}

TEST(Jsonl, MissingFileAndFolder) {
  TemporaryFolder folder;
  EXPECT_EQ(column(folder / "no.jsonl").error().message,
            (folder / "no.jsonl") + ": cannot open: No such file or directory");
  EXPECT_EQ(column(folder.path()).error().message,
            folder.path() + ": is a folder, a file was expected");
}

TEST(JsonlRow, WritesWhatTheReaderReads) {
  TemporaryFolder folder;
  std::string text = "quote \" newline \n tab \t \xC3\xA4 \xF0\x9F\x98\x80";
  std::string line = JsonlRow().add("id", int64_t{7}).add("a", text).line();
  EXPECT_EQ(line.substr(0, 8), "{\"id\":7,");
  EXPECT_EQ(*column(folder.write("f.jsonl", line)), std::vector<std::string>{text});
}

#include "trainer/data/Imdb.h"

#include "trainer/data/AtomicFile.h"
#include "trainer/data/Jsonl.h"
#include "trainer/data/Random.h"

#include <algorithm>
#include <filesystem>
#include <optional>

namespace disco::data {
namespace {

namespace fs = std::filesystem;

struct Halves {
  std::vector<Review> train, test;
};

/// Plain text of a review: HTML line breaks to spaces.
std::string clean(std::string_view text) {
  constexpr std::string_view kBreak = "<br />";
  std::string result;
  for (size_t found; (found = text.find(kBreak)) != std::string_view::npos;
       text.remove_prefix(found + kBreak.size())) {
    result += text.substr(0, found);
    if (!result.ends_with(' '))
      result += ' ';
  }
  return result += text;
}

/// Ids count up within each label; this one is unique among both.
int64_t uniqueId(int64_t id, bool positive) { return 2 * id + positive; }

Result<void> readFolder(const fs::path &folder, std::vector<Review> &reviews) {
  for (bool positive : {false, true}) {
    fs::path half = folder / (positive ? "pos" : "neg");
    std::error_code code;
    std::vector<fs::path> files;
    for (fs::directory_iterator entry(half, code), end; !code && entry != end;
         entry.increment(code))
      if (entry->path().extension() == ".txt")
        files.push_back(entry->path());
    if (code)
      return Error{half.string() + ": cannot list the folder: " + code.message()};
    std::ranges::sort(files); // folders are listed in any order
    for (const fs::path &file : files) {
      std::string name = file.stem().string(); // ID_RATING
      if (name.empty() || name.size() > 12 || name.find_first_not_of("0123456789") == 0)
        return Error{file.string() + ": expected a name of the form ID_RATING.txt"};
      Result<std::string> text = readFile(file.string(), uint64_t{4} << 20);
      if (!text)
        return text.error();
      reviews.push_back({uniqueId(std::stoll(name), positive), positive, clean(*text)});
    }
  }
  return {};
}

Result<void> readRows(const std::string &path, Halves &halves) {
  Result<JsonlReader> reader = JsonlReader::open(path);
  if (!reader)
    return reader.error();
  for (;;) {
    Result<bool> more = reader->next();
    if (!more)
      return more.error();
    if (!*more)
      return {};
    Result<int64_t> id = reader->integer("id");
    if (!id)
      return id.error();
    Result<int64_t> label = reader->integer("label");
    if (!label)
      return label.error();
    if (*label != 0 && *label != 1)
      return reader->error("field `label` must be 0 or 1, it is " + std::to_string(*label));
    Result<std::string> split = reader->string("split");
    if (!split)
      return split.error();
    Result<std::string> text = reader->string("text");
    if (!text)
      return text.error();
    (*split == "test" ? halves.test : halves.train)
        .push_back({uniqueId(*id, *label), *label == 1, clean(*text)});
  }
}

/// False also for what cannot be looked at; opening it says why.
bool isFolder(const fs::path &path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

bool isJsonl(const std::string &name) {
  for (const char *ending : {".jsonl", ".jsonl.gz", ".jsonl.zst", ".jsonl.xz"})
    if (name.ends_with(ending))
      return true;
  return false;
}

/// The largest JSON Lines file of the folder with `word` in its name.
std::optional<std::string> largest(const fs::path &folder, const std::string &word) {
  std::optional<std::string> best;
  uintmax_t bestSize = 0;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    std::string name = entry->path().filename().string();
    if (!isJsonl(name) || name.find(word) == std::string::npos)
      continue;
    std::error_code unreadable;
    uintmax_t size = entry->file_size(unreadable);
    if (!unreadable && (!best || size > bestSize)) {
      best = entry->path().string();
      bestSize = size;
    }
  }
  return best;
}

Result<Halves> readHalves(const std::vector<std::string> &from) {
  Halves halves;
  std::vector<std::string> files = from;
  if (from.size() == 1 && isFolder(from[0])) {
    fs::path folder = from[0];
    if (isFolder(folder / "train") && isFolder(folder / "test")) {
      if (Result<void> read = readFolder(folder / "train", halves.train); !read)
        return read.error();
      if (Result<void> read = readFolder(folder / "test", halves.test); !read)
        return read.error();
      return halves;
    }
    std::optional<std::string> train = largest(folder, "train"), test = largest(folder, "test");
    if (!train || !test)
      return Error{from[0] +
                   ": no IMDb reviews here; looked for the folders `train` and `test` of aclImdb, "
                   "then for files *train*.jsonl and *test*.jsonl (also .gz, .zst, .xz)"};
    files = {*train, *test};
  }
  for (const std::string &file : files)
    if (Result<void> read = readRows(file, halves); !read)
      return read.error();
  return halves;
}

} // namespace

Result<Reviews> readImdb(const std::vector<std::string> &from) {
  Result<Halves> halves = readHalves(from);
  if (!halves)
    return halves.error();
  std::string place;
  for (const std::string &path : from)
    place += (place.empty() ? "" : ", ") + path;
  if (halves->train.empty() || halves->test.size() < 5)
    return Error{place + ": found " + std::to_string(halves->train.size()) + " training and " +
                 std::to_string(halves->test.size()) +
                 " test reviews; both halves of the data are needed"};

  auto rank = [](const Review &review) {
    return std::pair(fnv1a("imdb test " + std::to_string(review.id)), review.id);
  };
  std::ranges::sort(halves->test, {}, rank);
  auto begin = halves->test.begin();
  auto size = static_cast<std::ptrdiff_t>(halves->test.size());
  std::ptrdiff_t judge = size * 3 / 5, search = size / 5;
  return Reviews{.train = std::move(halves->train),
                 .judge = {begin, begin + judge},
                 .search = {begin + judge, begin + judge + search},
                 .final = {begin + judge + search, begin + size}};
}

} // namespace disco::data

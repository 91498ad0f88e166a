#include "trainer/data/PreferenceData.h"

#include "trainer/data/ContentHash.h"
#include "trainer/data/Jsonl.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <unordered_set>

namespace disco::data {
namespace {

Result<double> readColumn(const JsonlReader &reader, const WantedColumn &column) {
  if (!reader.has(column.name)) {
    if (column.fallback)
      return *column.fallback;
    return reader.error("field `" + column.name +
                        "` is missing; the objective reads it as a column without a default");
  }
  Result<double> value = reader.number(column.name);
  if (value && !std::isfinite(static_cast<float>(*value)))
    return reader.error("field `" + column.name + "` is beyond the range of float32");
  return value;
}

} // namespace

Result<std::vector<PreferencePair>> readPreferencePairs(const std::string &path,
                                                        std::span<const WantedColumn> columns) {
  Result<JsonlReader> reader = JsonlReader::open(path);
  if (!reader)
    return reader.error();
  std::vector<PreferencePair> pairs;
  for (;;) {
    Result<bool> more = reader->next();
    if (!more)
      return more.error();
    if (!*more)
      break;
    PreferencePair pair;
    struct Text {
      const char *name;
      std::string &target;
    };
    for (Text field :
         {Text{"prompt", pair.prompt}, {"chosen", pair.chosen}, {"rejected", pair.rejected}}) {
      Result<std::string> text = reader->string(field.name);
      if (!text)
        return text.error();
      field.target = *std::move(text);
    }
    for (const WantedColumn &column : columns) {
      Result<double> value = readColumn(*reader, column);
      if (!value)
        return value.error();
      pair.columns.push_back(*value);
    }
    if (pair.chosen.empty())
      return reader->error("empty completion in field `chosen`");
    if (pair.rejected.empty())
      return reader->error("empty completion in field `rejected`");
    pairs.push_back(std::move(pair));
  }
  if (pairs.empty())
    return Error{path + ": no rows; one JSON object with `prompt`, `chosen` and `rejected` per "
                        "line was expected"};
  return pairs;
}

PreferenceStatistics describe(std::span<const PreferencePair> pairs) {
  PreferenceStatistics statistics;
  statistics.pairs = pairs.size();
  if (pairs.empty())
    return statistics;
  std::unordered_set<std::string> seen; // by hash of the content, long texts are not kept twice
  auto key = [](const std::string &prompt, const std::string &chosen, const std::string &rejected) {
    return ContentHash().add(prompt).add(chosen).add(rejected).hex();
  };
  size_t longer = 0;
  for (const PreferencePair &pair : pairs) {
    statistics.identical += pair.chosen == pair.rejected;
    longer += pair.chosen.size() > pair.rejected.size();
    if (pair.chosen != pair.rejected)
      statistics.conflicts += seen.contains(key(pair.prompt, pair.rejected, pair.chosen));
    statistics.duplicates += !seen.insert(key(pair.prompt, pair.chosen, pair.rejected)).second;
    statistics.promptBytes += double(pair.prompt.size());
    statistics.chosenBytes += double(pair.chosen.size());
    statistics.rejectedBytes += double(pair.rejected.size());
    statistics.longestBytes =
        std::max(statistics.longestBytes,
                 pair.prompt.size() + std::max(pair.chosen.size(), pair.rejected.size()));
  }
  double count = double(pairs.size());
  statistics.promptBytes /= count;
  statistics.chosenBytes /= count;
  statistics.rejectedBytes /= count;
  statistics.chosenLonger = double(longer) / count;
  return statistics;
}

std::string toString(const PreferenceStatistics &s) {
  char text[400];
  std::snprintf(text, sizeof text,
                "%zu pairs, %zu identical, %zu duplicate, %zu contradicting; bytes: prompt %.0f, "
                "chosen %.0f, rejected %.0f, longest %zu; chosen longer in %.1f %%",
                s.pairs, s.identical, s.duplicates, s.conflicts, s.promptBytes, s.chosenBytes,
                s.rejectedBytes, s.longestBytes, 100 * s.chosenLonger);
  return text;
}

} // namespace disco::data

// The report of a run: one HTML page that needs nothing else, the leaderboard as CSV and its figure
// as SVG. Everything in it comes from the archive, so it can be made again at any time, also while
// the search goes on.
#pragma once

#include "dsl/support/Result.h"

#include <string>
#include <vector>

namespace disco::search {

struct ReportFiles {
  std::string html, csv, figure;
};
/// The contents, from the run in `folder`.
Result<ReportFiles> makeReport(const std::string &folder);
/// Writes report.html, leaderboard.csv and figure.svg into the folder and returns their paths.
Result<std::vector<std::string>> writeReport(const std::string &folder);

} // namespace disco::search

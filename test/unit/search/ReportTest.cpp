// The report: complete, self-contained, and unmoved by what candidates call themselves.
#include "trainer/search/Report.h"

#include "TestRun.h"

#include "trainer/search/Curves.h"

#include "dsl/Dsl.h"

#include <cmath>

namespace disco::search {
namespace {

TEST(Report, ShowsLeaderboardCurvesAndFunnel) {
  TemporaryFolder folder;
  Result<RunOutcome> outcome = runFake(fakeRequest(folder, "run", smallConfig(folder)));
  ASSERT_TRUE(outcome) << outcome.error().message;
  Result<std::vector<std::string>> paths = writeReport(folder / "run");
  ASSERT_TRUE(paths) << paths.error().message;
  EXPECT_EQ(paths->size(), 3u);
  Result<ReportFiles> report = makeReport(folder / "run");
  for (const Standing &standing : outcome->board.standings)
    EXPECT_NE(report->html.find(standing.candidate.label), std::string::npos)
        << standing.candidate.label;
  size_t drawings = 0;
  for (size_t at = 0; (at = report->html.find("<svg", at)) != std::string::npos; ++at)
    ++drawings;
  EXPECT_GE(drawings, 1 + 2 * outcome->board.standings.size() / 2);
  EXPECT_EQ(std::count(report->csv.begin(), report->csv.end(), '\n'), 1 + 7 * 2)
      << "a header, seven objectives, two seeds";
  EXPECT_EQ(report->figure.find("<svg"), 0u);
}

TEST(Report, NeedsNothingFromElsewhereAndRunsNothing) {
  TemporaryFolder folder;
  ASSERT_TRUE(runFake(fakeRequest(folder, "run", smallConfig(folder))));
  std::string html = makeReport(folder / "run")->html;
  for (const char *forbidden :
       {"<script", "innerHTML", "src=", "href=", "url(", "@import", "onload", "javascript:"})
    EXPECT_EQ(html.find(forbidden), std::string::npos) << forbidden;
  for (size_t at = 0; (at = html.find("http", at)) != std::string::npos; ++at)
    EXPECT_TRUE(html.substr(at).starts_with("http-equiv") ||
                html.substr(at).starts_with("http://www.w3.org/2000/svg"))
        << html.substr(at, 40);
  EXPECT_NE(html.find("Content-Security-Policy"), std::string::npos);
}

TEST(Report, PayloadsAreText) {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "run");
  {
    Result<Archive> archive = Archive::open(folder / "run", "a", Archive::Open::New);
    Candidate candidate;
    candidate.proposer = "<script>alert(1)</script>";
    candidate.label = "\"><img src=x onerror=alert(2)>";
    candidate.verdict = "accepted";
    candidate.text = "</pre><svg onload=alert(3)>";
    candidate.reason = "'<b>'";
    ASSERT_TRUE(archive->addCandidate(candidate));
    ASSERT_TRUE(archive->leaseJob("k", "{}"));
    ASSERT_TRUE(archive->finishJob("k", {}));
    Score unranked;
    unranked.reason = "<iframe>";
    ASSERT_TRUE(archive->addScores(
        {{1, Stage::Short, 1, unranked, {{1, "k"}}}, {1, Stage::Final, 2, unranked, {{1, "k"}}}}));
  }
  Result<ReportFiles> report = makeReport(folder / "run");
  ASSERT_TRUE(report) << report.error().message;
  for (const std::string &content : {report->html, report->figure})
    for (const char *payload : {"<script", "<img", "<svg onload", "<iframe", "<b>'"})
      EXPECT_EQ(content.find(payload), std::string::npos) << payload;
  EXPECT_NE(report->html.find("&lt;script&gt;"), std::string::npos);
}

TEST(Report, OfARunThatIsNotThereSaysSo) {
  TemporaryFolder folder;
  EXPECT_NE(makeReport(folder / "none").error().message.find("there is no run here"),
            std::string::npos);
}

TEST(Curves, DpoIsSoftplus) {
  Diagnostics diagnostics;
  std::optional<dsl::Program> program = dsl::compileSource(
      Source(
          "<test>",
          "objective dpo { param beta = 0.1 in [1e-3, 10] log; loss = softplus(-beta * margin); }"),
      diagnostics);
  for (const CurvePoint &point : marginCurve(*program, 0.3, 5)) {
    EXPECT_NEAR(point.loss, std::log1p(std::exp(-point.z)) - std::log(2.0), 1e-9);
    EXPECT_NEAR(point.slope, -1 / (1 + std::exp(point.z)), 1e-9);
  }
}

TEST(Curves, WithoutBetaTheMarginIsScaled) {
  Diagnostics diagnostics;
  std::optional<dsl::Program> program = dsl::compileSource(
      Source("<test>", "objective plain { loss = softplus(-margin); }"), diagnostics);
  for (const CurvePoint &point : marginCurve(*program, 0.3, 5))
    EXPECT_NEAR(point.slope, -1 / (1 + std::exp(point.z)), 1e-9);
}

} // namespace
} // namespace disco::search

// Binding parameters and reading files: mistakes that are not in an objective's text.
#include "test/unit/dsl/Compile.h"

#include "dsl/Limits.h"

#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace disco::dsl {

namespace {

const std::string kText =
    objective("param beta = 0.1 in (0, 1]; param tau = 2; loss = exp(-beta * margin / tau);");

TEST(Parameters, DefaultsAndSettings) {
  const Program program = compiled(kText);
  EXPECT_EQ(*bindParameters(program, {}), (std::vector<double>{0.1, 2}));
  EXPECT_EQ(*bindParameters(program, {{"tau", "3e-1"}}), (std::vector<double>{0.1, 0.3}));
}

TEST(Parameters, RefusalsNameTheSetting) {
  const Program program = compiled(kText);
  const auto refused = [&](const std::string &name, const std::string &value,
                           const std::string &why) {
    const auto result = bindParameters(program, {{name, value}});
    ASSERT_FALSE(result) << value;
    EXPECT_NE(result.error().message.find("-D " + name + "=" + value), std::string::npos);
    EXPECT_NE(result.error().message.find(why), std::string::npos) << result.error().message;
  };
  refused("beta", "0", "outside the range (0, 1]");
  refused("beta", "1.5", "outside the range");
  refused("beta", "nan", "`nan` is not a finite number");
  refused("tau", "-inf", "`-inf` is not a finite number");
  refused("beta", "0.1x", "is not a number");
  refused("beta", "", "is not a number");
  refused("gamma", "1", "it has beta, tau");
  EXPECT_FALSE(bindParameters(program, {{"tau", "1"}, {"tau", "2"}}));
}

TEST(ReadSource, RefusesWhatIsNoText) {
  const std::string folder = testing::TempDir();
  EXPECT_NE(readSource(folder).error().message.find("is a directory"), std::string::npos);
  EXPECT_NE(readSource(folder + "/absent.dpo").error().message.find("No such file"),
            std::string::npos);
  EXPECT_NE(readSource("/dev/zero").error().message.find("not a regular file"), std::string::npos);
  const std::string fifo = folder + "/disco-fifo";
  unlink(fifo.c_str());
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_NE(readSource(fifo).error().message.find("not a regular file"), std::string::npos);
  unlink(fifo.c_str());
  const std::string large = folder + "/disco-large.dpo";
  std::ofstream(large) << std::string(20'000, ' ');
  const Result<Source> cut = readSource(large); // no more of it than shows that it is too large
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->text().size(), Limits::sourceBytes + 1);
  EXPECT_EQ(findings(cut->text()), "SourceTooLong");
  unlink(large.c_str());
}

} // namespace

} // namespace disco::dsl

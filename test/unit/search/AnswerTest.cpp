// Taking the objective out of an answer, and making labels of names.
#include "trainer/search/Answer.h"
#include "trainer/search/Text.h"

#include <gtest/gtest.h>

namespace disco::search {
namespace {

TEST(Answer, JsonFencedAndPlain) {
  std::string objective = "objective a { loss = margin; }";
  for (const std::string &answer :
       {std::string(R"({"name": "a", "objective": "objective a { loss = margin; }"})"),
        "```\n" + objective + "\n```", "Here it is:\n```dpo\n" + objective + "\n```\nEnjoy!",
        "  " + objective + "\n",
        std::string("```json\n{\"objective\": \"objective a { loss = margin; }\", \"thought\": "
                    "\"x\"}\n```")}) {
    ExtractedObjective found = extractObjective(answer);
    EXPECT_EQ(found.text, objective) << answer;
    EXPECT_EQ(found.name, "a") << answer;
  }
}

TEST(Answer, NothingIsGuessed) {
  auto problem = [](const std::string &answer) {
    ExtractedObjective found = extractObjective(answer);
    EXPECT_EQ(found.text, "");
    return found.problem;
  };
  EXPECT_EQ(problem("```\na\n```\n```\nb\n```"), "the answer holds several code blocks");
  EXPECT_EQ(problem("I would rather not."), "the answer holds no objective");
  EXPECT_EQ(problem(""), "the answer holds no objective");
  EXPECT_EQ(problem("{\"objective\": 3}"), "the answer is JSON without a text `objective`");
  EXPECT_EQ(problem("{\"objective\": "), "the answer is JSON without a text `objective`");
  EXPECT_EQ(problem("```\n```"), "the answer holds an empty objective");
}

TEST(Answer, CommentsAreDropped) { EXPECT_EQ(withoutComments("a // b\nc//"), "a \nc"); }

TEST(Label, IsHarmlessWhateverTheName) {
  EXPECT_EQ(sanitiseLabel("LRML-2 (new)"), "lrml_2_new");
  for (const std::string &name :
       {std::string("../../etc/passwd"), std::string("-rf /"), std::string("x\0y", 3),
        std::string("\x1b[31mred"), std::string(4096, 'a'), std::string("'; DROP TABLE x"),
        std::string("<svg onload=alert(1)>"), std::string("$(reboot)"),
        std::string("\xf0\x9f\x98\x80"), std::string(), std::string("CON"), std::string("..")}) {
    std::string label = sanitiseLabel(name);
    EXPECT_FALSE(label.empty());
    EXPECT_LE(label.size(), 64u);
    EXPECT_EQ(label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string::npos)
        << label;
  }
}

TEST(Text, OneLineKeepsTerminalsSafe) {
  EXPECT_EQ(oneLine("a\x1b[2Jb\r\n  c\xc3\xa9", 100), "a?[2Jb c??");
  EXPECT_EQ(oneLine("abcdef", 3), "abc");
}

} // namespace
} // namespace disco::search

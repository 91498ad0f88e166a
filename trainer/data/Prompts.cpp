#include "trainer/data/Prompts.h"

namespace disco::data {

std::string promptOf(const std::string &text, uint64_t words, const Tokenizer &tokenizer,
                     int tokenLimit) {
  std::string prompt;
  size_t end = 0;
  for (uint64_t word = 0; word < words; ++word) {
    size_t begin = text.find_first_not_of(' ', end);
    end = begin == std::string::npos ? begin : text.find(' ', begin);
    if (end == std::string::npos)
      return {}; // nothing would be left to complete
    std::string longer = text.substr(0, end);
    if (int(tokenizer.encode(longer).size()) > tokenLimit)
      break;
    prompt = std::move(longer);
  }
  return prompt;
}

std::vector<Prompt> choosePrompts(const std::vector<Review> &reviews, Random random, int count,
                                  const Tokenizer &tokenizer, int tokenLimit,
                                  std::unordered_set<std::string> &taken) {
  std::vector<uint32_t> order(reviews.size());
  for (uint32_t i = 0; i < order.size(); ++i)
    order[i] = i;
  random.shuffle(std::span(order));
  std::vector<Prompt> prompts;
  for (uint32_t i : order) {
    if (int(prompts.size()) == count)
      break;
    std::string prompt = promptOf(reviews[i].text, 4 + random.below(5), tokenizer, tokenLimit);
    if (!prompt.empty() && taken.insert(prompt).second)
      prompts.push_back({reviews[i].id, std::move(prompt)});
  }
  return prompts;
}

} // namespace disco::data

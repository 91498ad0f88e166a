// Labelled reviews in the four groups every task is made of, so that nothing that scores a run was
// seen by what it scores.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace disco::data {

struct Review {
  int64_t id = 0; // unique within its group
  bool positive = false;
  std::string text;
};

struct Reviews {
  std::vector<Review> train;  // gold reward, tokenizer, SFT, prompts of the training pairs
  std::vector<Review> judge;  // second judge
  std::vector<Review> search; // prompts the search may see
  std::vector<Review> final;  // prompts nothing but the final score sees
};

} // namespace disco::data

// What a model's answer says: the text of an objective and a name for it. Prose around it is
// dropped here and goes nowhere.
#pragma once

#include <string>
#include <string_view>

namespace disco::search {

struct ExtractedObjective {
  std::string name; // as written, to be sanitised
  std::string text; // empty when there is none
  std::string problem;
};

/// The rule: an answer that is one JSON object (alone, or in one fenced block) gives its
/// `objective` and `name`; otherwise its only fenced block is the objective; otherwise, if it
/// begins with `objective`, all of it. Several blocks give nothing: guessing which one was meant,
/// or joining them, would make an objective that nobody wrote.
ExtractedObjective extractObjective(std::string_view answer);

/// The objective without its comments: what may go back to a model.
std::string withoutComments(std::string_view text);

} // namespace disco::search

// Reading the 50,000 labelled reviews of Maas et al., "Learning word vectors for sentiment
// analysis" (ACL 2011), as the folder `aclImdb` or as JSON Lines, and dividing the test half.
// Downloads nothing.
#pragma once

#include "dsl/support/Result.h"
#include "trainer/data/Reviews.h"

#include <string>
#include <vector>

namespace disco::data {

/// `from` names one of
///  - the folder aclImdb itself: {train,test}/{pos,neg}/ID_RATING.txt;
///  - JSON Lines files, plain or .gz, .zst, .xz: rows {"id", "split", "label" (1 positive, 0
///  negative), "text"}, where split
///    "test" is the test half and any other name the training half;
///  - a folder with such files: the largest with "train" in its name and the largest with "test".
/// Line breaks `<br />` become spaces. The test reviews are ordered by a hash of label and id and
/// cut 3 : 1 : 1 into judge, search and final: 15,000, 5,000 and 5,000 of the 25,000. An error says
/// what was looked for and where.
Result<Reviews> readImdb(const std::vector<std::string> &from);

} // namespace disco::data

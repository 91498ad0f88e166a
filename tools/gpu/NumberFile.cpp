// Reading and writing number files.
#include "tools/gpu/NumberFile.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace disco;
using namespace disco::gpu;

std::string gpu::numberText(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", number);
  return text;
}

Result<void> gpu::writeNumbers(const std::string &path, const Sections &sections) {
  std::ofstream file(path, std::ios::binary);
  for (const auto &[name, rows] : sections) {
    file << "section " << name << "\n";
    for (const auto &[row, numbers] : rows) {
      file << row << " " << numbers.size();
      for (double number : numbers)
        file << " " << numberText(number);
      file << "\n";
    }
  }
  file.close();
  if (!file)
    return Error{path + ": cannot be written"};
  return {};
}

Result<Sections> gpu::readNumbers(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Error{path + ": cannot be read"};
  Sections sections;
  size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    const std::string place = path + ":" + std::to_string(++number) + ": ";
    std::istringstream words(line);
    std::string name, count;
    if (!(words >> name >> count))
      return Error{place + "is no row of a number file"};
    if (name == "section") {
      sections.emplace_back(count, Rows());
      continue;
    }
    if (sections.empty())
      return Error{place + "row `" + name + "` stands before the first section"};
    std::vector<double> &row = sections.back().second[name];
    for (std::string word; words >> word;) {
      char *end = nullptr;
      row.push_back(std::strtod(word.c_str(), &end));
      if (*end)
        return Error{place + "`" + word + "` is no number"};
    }
    if (std::to_string(row.size()) != count)
      return Error{place + "row `" + name + "` says " + count + " numbers and has " +
                   std::to_string(row.size())};
  }
  return sections;
}

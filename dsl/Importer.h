// Finds, parses and checks the objectives that `use` names, each once however often it is used.
#pragma once

#include "dsl/Checker.h"
#include "dsl/Library.h"

#include <map>
#include <memory>

namespace disco::dsl {

class Importer {
public:
  explicit Importer(const Library &library) : library_(library) {}

  /// The objective, or null when there is an error, which is reported: at the use's name, or in the
  /// used file with a note that points back.
  const Checked *import(const Name &use, Diagnostics &diagnostics);

  /// Marks an objective as being checked, so that using it within is a cycle.
  class Entered {
  public:
    Entered(Importer &importer, const Name &name) : importer_(importer) {
      importer_.open_.push_back(name.text);
    }
    ~Entered() { importer_.open_.pop_back(); }
    Entered(const Entered &) = delete;
    Entered &operator=(const Entered &) = delete;

  private:
    Importer &importer_;
  };

private:
  std::shared_ptr<const Source> find(const Name &use, Diagnostics &diagnostics) const;
  Checked check(const std::shared_ptr<const Source> &source, const Name &use,
                Diagnostics &diagnostics);

  const Library &library_;
  std::vector<std::string> open_; // outermost first
  std::map<std::string, Checked> imported_;
};

} // namespace disco::dsl

// linkImage of Host.h: the sections of one object file behind each other, with the distances
// between them filled in. What is left refers to nothing and may be mapped anywhere.
#include "compiler/targets/Host.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/Endian.h"

#include <map>

using namespace disco;
using namespace disco::compiler;
using llvm::object::ELF64LEObjectFile;
using llvm::object::SectionRef;

namespace {

Error linkError(const std::string &seen) { return Error{"host code generation failed: " + seen}; }
Error linkError(llvm::Error error) { return linkError(llvm::toString(std::move(error))); }

class Linker {
public:
  Linker(const ELF64LEObjectFile &object, std::string &code) : object_(object), code_(code) {}

  /// Functions first: they begin on the page, and constants align themselves.
  Result<void> place() {
    for (bool text : {true, false})
      for (SectionRef section : object_.sections())
        if (section.isText() == text && isNeeded(section))
          if (Result<void> placed = place(section); !placed)
            return placed.error();
    return {};
  }

  Result<void> relocate() {
    for (SectionRef table : object_.sections()) {
      auto patched = table.getRelocatedSection();
      if (!patched)
        return linkError(patched.takeError());
      if (*patched == object_.section_end() || !begins_.contains(**patched))
        continue;
      for (const llvm::object::ELFRelocationRef relocation : table.relocations())
        if (Result<void> done = apply(relocation, begins_.at(**patched)); !done)
          return done.error();
    }
    return {};
  }

  /// Where the functions of an entry begin.
  Result<void> find(const char *entry, runtime::KernelImage::Entry &found) {
    Result<runtime::Plan> plan = runtime::Plan::parse(found.plan);
    if (!plan)
      return plan.error();
    for (size_t i = 0; i < plan->functions(); ++i) {
      const std::string name = entry + std::to_string(i);
      bool defined = false;
      for (llvm::object::SymbolRef symbol : object_.symbols()) {
        auto seen = symbol.getName();
        if (!seen)
          return linkError(seen.takeError());
        if (*seen != name)
          continue;
        Result<uint64_t> address = addressOf(symbol);
        if (!address)
          return address.error();
        found.functions.push_back(*address);
        defined = true;
      }
      if (!defined)
        return linkError("the object has no `" + name + "`");
    }
    return {};
  }

private:
  bool isNeeded(SectionRef section) const {
    auto name = section.getName();
    // Kernels neither throw nor are unwound.
    if (!name || *name == ".eh_frame") {
      llvm::consumeError(name.takeError());
      return false;
    }
    return llvm::object::ELFSectionRef(section).getFlags() & llvm::ELF::SHF_ALLOC &&
           section.getSize() > 0;
  }

  Result<void> place(SectionRef section) {
    if (llvm::object::ELFSectionRef(section).getFlags() & llvm::ELF::SHF_WRITE)
      return linkError("the code has variables");
    auto bytes = section.getContents();
    if (!bytes)
      return linkError(bytes.takeError());
    code_.resize(llvm::alignTo(code_.size(), section.getAlignment()));
    begins_[section] = code_.size();
    code_ += *bytes;
    if (code_.size() > runtime::kMostCode)
      return linkError("the code has more than " + std::to_string(runtime::kMostCode) + " bytes");
    return {};
  }

  Result<uint64_t> addressOf(llvm::object::SymbolRef symbol) const {
    auto section = symbol.getSection();
    auto value = symbol.getValue();
    auto name = symbol.getName();
    if (!section || !value || !name)
      return linkError(llvm::joinErrors(llvm::joinErrors(section.takeError(), value.takeError()),
                                        name.takeError()));
    if (*section == object_.section_end() || !begins_.contains(**section))
      return linkError("the code refers to `" + name->str() +
                       "`, which is outside it; a kernel calls nothing");
    return begins_.at(**section) + *value;
  }

  Result<void> apply(llvm::object::ELFRelocationRef relocation, uint64_t sectionBegin) {
    Result<uint64_t> symbol = addressOf(*relocation.getSymbol());
    if (!symbol)
      return symbol.error();
    auto addend = relocation.getAddend();
    if (!addend)
      return linkError(addend.takeError());
    const uint64_t place = sectionBegin + relocation.getOffset();
    const uint64_t distance = *symbol + uint64_t(*addend) - place;
    switch (relocation.getType()) {
    case llvm::ELF::R_X86_64_PC32:
    case llvm::ELF::R_X86_64_PLT32:
      llvm::support::endian::write32le(code_.data() + place, uint32_t(distance));
      return {};
    default: {
      llvm::SmallString<32> type;
      relocation.getTypeName(type);
      return linkError("the code has a relocation of type " + std::string(type));
    }
    }
  }

  const ELF64LEObjectFile &object_;
  std::string &code_;
  std::map<SectionRef, uint64_t> begins_;
};

} // namespace

Result<void> compiler::linkImage(const std::string &object, runtime::KernelImage &image) {
  auto file = ELF64LEObjectFile::create(llvm::MemoryBufferRef(object, "kernel"));
  if (!file)
    return linkError(file.takeError());
  Linker linker(*file, image.code);
  if (Result<void> placed = linker.place(); !placed)
    return placed.error();
  if (Result<void> relocated = linker.relocate(); !relocated)
    return relocated.error();
  if (Result<void> found = linker.find("gradient_", image.gradient); !found)
    return found.error();
  return linker.find("report_", image.report);
}

// Strict reader and writer. Names of faults are those of the reference implementation
// (SafeTensorError).
#include "trainer/Safetensors.h"

#include "trainer/data/JsonNesting.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <set>

namespace disco::trainer {
namespace {

using nlohmann::json;

struct Dtype {
  std::string_view name;
  uint64_t bits;
};
/// In the reference's order, smallest alignment first; the writer sorts by it.
constexpr std::array<Dtype, 22> kDtypes{
    {{"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
     {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
     {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
     {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
     {"I64", 64},        {"U64", 64}}};

const Dtype *findDtype(std::string_view name) {
  auto found =
      std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype &d) { return d.name == name; });
  return found == kDtypes.end() ? nullptr : &*found;
}

/// Stops a hostile header early: more nesting than the format has, or a key given twice.
class HeaderGuard {
public:
  bool operator()(int depth, json::parse_event_t event, const json &parsed) {
    if (depth > 4)
      fault = "InvalidHeaderDeserialization: nested too deeply";
    if (event == json::parse_event_t::object_start)
      keys_.emplace_back();
    else if (event == json::parse_event_t::object_end && !keys_.empty())
      keys_.pop_back();
    else if (event == json::parse_event_t::key && !keys_.empty() &&
             !keys_.back().insert(parsed.get<std::string>()).second)
      fault = "InvalidHeaderDeserialization: duplicate key `" + parsed.get<std::string>() + "`";
    return true;
  }
  std::string fault;

private:
  std::vector<std::set<std::string>> keys_;
};

bool readUnsigned(const json &value, uint64_t &out) {
  if (!value.is_number_unsigned())
    return false;
  out = value.get<uint64_t>();
  return true;
}

} // namespace

const TensorView *SafetensorsFile::find(std::string_view name) const {
  for (const TensorView &tensor : tensors)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

Result<SafetensorsFile> parseSafetensors(std::string_view bytes, const std::string &place) {
  auto error = [&](const std::string &what) { return Error{place + ": " + what}; };
  if (bytes.size() < 8)
    return error("HeaderTooSmall: " + std::to_string(bytes.size()) +
                 " bytes, a safetensors file has at least 8");
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  if (length > SafetensorsLimits::headerBytes)
    return error("HeaderTooLarge: header of " + std::to_string(length) + " bytes, the limit is " +
                 std::to_string(SafetensorsLimits::headerBytes));
  if (length > bytes.size() - 8)
    return error("InvalidHeaderLength: header of " + std::to_string(length) +
                 " bytes in a file of " + std::to_string(bytes.size()));
  std::string_view header = bytes.substr(8, length), data = bytes.substr(8 + length);
  if (data::jsonNesting(header) > 4)
    return error("InvalidHeaderDeserialization: nested too deeply");

  HeaderGuard guard;
  json root;
  try {
    root = json::parse(header.begin(), header.end(),
                       [&](int depth, json::parse_event_t event, json &parsed) {
                         return guard(depth, event, parsed);
                       });
  } catch (const json::exception &exception) {
    // nlohmann reports broken UTF-8 as a lexical error with this wording.
    bool utf8 = std::strstr(exception.what(), "UTF-8") != nullptr;
    return error(utf8 ? "InvalidHeader: not UTF-8" : "InvalidHeaderDeserialization: not JSON");
  }
  if (!guard.fault.empty())
    return error(guard.fault);
  if (!root.is_object())
    return error("InvalidHeaderDeserialization: not an object");
  if (root.size() > SafetensorsLimits::tensors)
    return error("HeaderTooLarge: " + std::to_string(root.size()) + " tensors, the limit is " +
                 std::to_string(SafetensorsLimits::tensors));

  struct Entry {
    TensorView view;
    uint64_t begin, end;
  };
  SafetensorsFile file;
  std::vector<Entry> entries;
  for (const auto &[name, value] : root.items()) {
    auto malformed = [&] {
      return error("InvalidHeaderDeserialization: tensor `" + name + "` is not described properly");
    };
    if (name == "__metadata__") {
      if (!value.is_object())
        return malformed();
      for (const auto &[key, text] : value.items()) {
        if (!text.is_string())
          return malformed();
        file.metadata[key] = text.get<std::string>();
      }
      continue;
    }
    if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
        !value.contains("shape") || !value.contains("data_offsets"))
      return malformed();
    const json &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
    Entry entry{{name, "", {}, {}}, 0, 0};
    if (!dtype.is_string() || !findDtype(dtype.get_ref<const std::string &>()) ||
        !shape.is_array() || shape.size() > SafetensorsLimits::rank || !offsets.is_array() ||
        offsets.size() != 2 || !readUnsigned(offsets[0], entry.begin) ||
        !readUnsigned(offsets[1], entry.end))
      return malformed();
    entry.view.dtype = dtype.get<std::string>();
    for (const json &extent : shape) {
      uint64_t size = 0;
      if (!readUnsigned(extent, size))
        return malformed();
      if (size > static_cast<uint64_t>(INT64_MAX))
        return error("ValidationOverflow: a dimension of `" + name + "` is too large");
      entry.view.shape.push_back(static_cast<int64_t>(size));
    }
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return std::tie(a.begin, a.end, a.view.name) < std::tie(b.begin, b.end, b.view.name);
  });

  uint64_t next = 0;
  for (Entry &entry : entries) {
    const std::string &name = entry.view.name;
    if (entry.begin != next || entry.end < entry.begin)
      return error("InvalidOffset: `" + name + "` does not begin where the tensor before it ends");
    next = entry.end;
    uint64_t bits = findDtype(entry.view.dtype)->bits;
    for (int64_t extent : entry.view.shape)
      if (__builtin_mul_overflow(bits, static_cast<uint64_t>(extent), &bits))
        return error("ValidationOverflow: the size of `" + name + "` overflows");
    if (bits % 8 != 0)
      return error("MisalignedSlice: `" + name + "` is not a whole number of bytes");
    if (entry.end - entry.begin != bits / 8)
      return error("TensorInvalidInfo: `" + name + "` has " +
                   std::to_string(entry.end - entry.begin) + " bytes, its shape needs " +
                   std::to_string(bits / 8));
  }
  if (next != data.size())
    return error("MetadataIncompleteBuffer: the tensors cover " + std::to_string(next) +
                 " bytes of " + std::to_string(data.size()));
  for (Entry &entry : entries) {
    entry.view.bytes = data.substr(entry.begin, entry.end - entry.begin);
    file.tensors.push_back(std::move(entry.view));
  }
  return file;
}

std::string writeSafetensors(std::vector<TensorView> tensors,
                             const std::map<std::string, std::string> &metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorView &a, const TensorView &b) {
    const Dtype *left = findDtype(a.dtype), *right = findDtype(b.dtype);
    assert(left && right && "unknown dtype");
    return left != right ? left > right : a.name < b.name;
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const TensorView &tensor : tensors) {
    nlohmann::ordered_json &entry = header[tensor.name];
    entry["dtype"] = tensor.dtype;
    entry["shape"] = tensor.shape;
    entry["data_offsets"] = {offset, offset + tensor.bytes.size()};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string file;
  file.reserve(8 + text.size() + offset);
  for (int i = 0; i < 8; ++i)
    file.push_back(static_cast<char>(uint64_t{text.size()} >> (8 * i)));
  file += text;
  for (const TensorView &tensor : tensors)
    file += tensor.bytes;
  return file;
}

} // namespace disco::trainer

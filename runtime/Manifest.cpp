// Manifest format 1:
//   {"format": 1, "objective": NAME, "code_hash": HEX, "inputs": [NAME..], "gradients": [NAME..],
//    "parameters": [{"name": NAME, "default": NUMBER}..], "metrics": [NAME..]}
#include "runtime/Manifest.h"

#include "runtime/SignatureName.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

using namespace disco;
using namespace disco::runtime;
using Json = nlohmann::ordered_json;

namespace {
constexpr int kFormat = 1;

/// Reads fields one by one and keeps the first error; later calls then do nothing.
class Reader {
public:
  Reader(std::string_view name, const Json &object) : name_(name), object_(object) {}

  const Json *field(const char *key) {
    if (error_)
      return nullptr;
    ++known_;
    auto found = object_.find(key);
    if (found == object_.end())
      return fail(std::string("has no field `") + key + "`");
    return &*found;
  }

  std::string name(const Json &value, const std::string &place) {
    if (!value.is_string())
      return fail("field `" + place + "` is no string"), std::string();
    const std::string text = value.get<std::string>();
    if (!isSignatureName(text))
      fail("field `" + place + "` is no name of letters, digits, `_` and dots between");
    return text;
  }

  const Json *list(const char *key) {
    const Json *value = field(key);
    if (!value)
      return nullptr;
    if (!value->is_array() || value->size() > kMostNames)
      return fail(std::string("field `") + key + "` is no list of at most " +
                  std::to_string(kMostNames) + " entries");
    return value;
  }

  std::vector<std::string> names(const char *key) {
    std::vector<std::string> result;
    if (const Json *values = list(key))
      for (const Json &value : *values)
        addName(result, value, key);
    return result;
  }

  void addName(std::vector<std::string> &names, const Json &value, const std::string &place) {
    std::string name = this->name(value, place);
    if (std::find(names.begin(), names.end(), name) != names.end())
      fail("field `" + place + "` names `" + name + "` twice");
    names.push_back(std::move(name));
  }

  const Json *fail(const std::string &message) {
    if (!error_)
      error_ = Error{name_ + ": manifest " + message};
    return nullptr;
  }

  /// After the last field: whether the object has fields that were not asked for.
  void finish() {
    if (!error_ && object_.size() != known_)
      fail("has " + std::to_string(object_.size()) + " fields where format " +
           std::to_string(kFormat) + " has " + std::to_string(known_));
  }
  const std::optional<Error> &error() const { return error_; }

private:
  std::string name_;
  const Json &object_;
  size_t known_ = 0;
  std::optional<Error> error_;
};

void readParameters(Reader &read, Signature &signature) {
  const Json *parameters = read.list("parameters");
  if (!parameters)
    return;
  for (const Json &parameter : *parameters) {
    if (!parameter.is_object() || parameter.size() != 2 || !parameter.contains("name") ||
        !parameter.contains("default") || !parameter["default"].is_number()) {
      read.fail("field `parameters` has an entry that is not {\"name\", \"default\": number}");
      return;
    }
    read.addName(signature.parameters, parameter["name"], "parameters");
    signature.defaults.push_back(parameter["default"].get<double>());
    if (!std::isfinite(signature.defaults.back()))
      read.fail("field `parameters` has a default that is not finite");
  }
}
} // namespace

std::string runtime::writeManifest(const Signature &signature) {
  Json parameters = Json::array();
  for (size_t i = 0; i < signature.parameters.size(); ++i)
    parameters.push_back({{"name", signature.parameters[i]}, {"default", signature.defaults[i]}});
  const Json manifest = {{"format", kFormat},
                         {"objective", signature.objective},
                         {"code_hash", signature.codeHash},
                         {"inputs", signature.inputs},
                         {"gradients", signature.gradients},
                         {"parameters", std::move(parameters)},
                         {"metrics", signature.metrics}};
  return manifest.dump(2) + "\n";
}

Result<Signature> runtime::readManifest(std::string_view name, std::string_view text) {
  const std::string place(name);
  if (text.size() > kManifestBytes)
    return Error{place + ": manifest has " + std::to_string(text.size()) + " bytes, at most " +
                 std::to_string(kManifestBytes) + " are read"};
  const Json object = Json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!object.is_object())
    return Error{place + ": manifest is no JSON object"};

  Reader read(name, object);
  Signature signature;
  if (const Json *format = read.field("format"))
    if (!format->is_number_integer() || *format != kFormat)
      read.fail("has format " + format->dump() + ", this build reads format " +
                std::to_string(kFormat));
  if (const Json *objective = read.field("objective"))
    signature.objective = read.name(*objective, "objective");
  if (const Json *hash = read.field("code_hash")) {
    if (!hash->is_string() || !isCodeHash(hash->get<std::string>()))
      read.fail("field `code_hash` is not 32 hexadecimal digits");
    else
      signature.codeHash = hash->get<std::string>();
  }
  signature.inputs = read.names("inputs");
  signature.gradients = read.names("gradients");
  if (!read.error() && signature.gradients !=
                           std::vector<std::string>{"policy_chosen_logps", "policy_rejected_logps"})
    read.fail("field `gradients` is not [\"policy_chosen_logps\", \"policy_rejected_logps\"]");
  readParameters(read, signature);
  signature.metrics = read.names("metrics");
  read.finish();
  if (read.error())
    return *read.error();
  return signature;
}

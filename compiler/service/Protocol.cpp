// See Protocol.h.
#include "compiler/service/Protocol.h"

#include "compiler/service/Cache.h"
#include "dsl/Dsl.h"
#include "runtime/Artefact.h"

#include <cstring>

namespace disco::compiler {

namespace {

Message refused(const std::string &message) { return {MessageKind::Refused, message}; }

} // namespace

std::string encode(const Message &message) {
  const uint32_t header[] = {uint32_t(message.kind), uint32_t(message.content.size())};
  std::string bytes(reinterpret_cast<const char *>(header), sizeof header);
  return bytes += message.content;
}

Result<std::optional<Message>> takeMessage(std::string &received) {
  uint32_t header[2];
  if (received.size() < sizeof header)
    return std::optional<Message>();
  std::memcpy(header, received.data(), sizeof header);
  if (header[0] > uint32_t(MessageKind::Refused) || header[1] > kMostMessage)
    return Error{"what was received is no message of a code generator"};
  if (received.size() < sizeof header + header[1])
    return std::optional<Message>();
  Message message{MessageKind(header[0]), received.substr(sizeof header, header[1])};
  received.erase(0, sizeof header + header[1]);
  return std::optional(std::move(message));
}

Message compileMessage(const dsl::Program &program, const HostOptions &options) {
  return {MessageKind::Compile,
          std::string{char(options.target), char(options.dtype)} + dsl::printProgram(program)};
}

Message answer(Compiler &compiler, const Message &request) {
  if (request.kind != MessageKind::Compile || request.content.size() < 2 ||
      size_t(request.content[0]) >= runtime::kTargets.size() ||
      size_t(request.content[1]) > size_t(runtime::Dtype::Float64))
    return refused("a code generator was asked for something unknown");
  const HostOptions options{.target = runtime::Target(request.content[0]),
                            .dtype = runtime::Dtype(request.content[1])};
  const Source source("<objective>", request.content.substr(2));
  Diagnostics found;
  const std::optional<dsl::Program> program = dsl::compileSource(source, found);
  if (!program)
    return refused(renderDiagnostics(source, found.sorted()));
  Result<runtime::KernelImage> image = compiler.compileImage(*program, options);
  if (!image)
    return refused(image.error().message);
  return {MessageKind::Image,
          runtime::writeArtefact({.build = std::string(buildId()), .images = {*image}})};
}

} // namespace disco::compiler

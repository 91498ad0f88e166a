// What a process that wants code and the worker that makes it say to each other, over one socket:
//
//   message  ::= kind:u32 size:u32 byte*
//   worker   -> Hello: buildId(), once, when it is ready
//   process  -> Compile: target:u8 dtype:u8, then the objective's text (dsl::printProgram)
//   worker   -> Image: runtime::writeArtefact of one image   or   Refused: the error message
//
// Both sides run on one machine, so numbers are in its order of bytes.
#pragma once

#include "compiler/Compiler.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace disco::compiler {

enum class MessageKind : uint32_t { Hello, Compile, Image, Refused };
struct Message {
  MessageKind kind = MessageKind::Hello;
  std::string content;
};
/// More than a code of kMostCode needs; a longer message is an error of the other side.
constexpr size_t kMostMessage = runtime::kMostCode + (size_t{1} << 20);

std::string encode(const Message &message);
/// Takes the first message off `received`; empty while it is incomplete. An error if it is none.
Result<std::optional<Message>> takeMessage(std::string &received);

Message compileMessage(const dsl::Program &program, const HostOptions &options);
/// The other direction, in the worker: an Image or a Refused.
Message answer(Compiler &compiler, const Message &request);

} // namespace disco::compiler

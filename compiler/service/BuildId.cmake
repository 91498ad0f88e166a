# Writes a header with the identity of the compiler: a hash of what decides about the code it makes. Cached code of another
# identity is not used. Arguments: OUTPUT, SOURCES (a file that lists them), SETTINGS (compiler, flags, version of LLVM).
file(STRINGS ${SOURCES} files)
set(hashes "${SETTINGS}")
foreach(file ${files})
  file(SHA256 ${file} hash)
  string(APPEND hashes ${hash})
endforeach()
string(SHA256 id "${hashes}")
string(SUBSTRING ${id} 0 32 id)
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define DISCO_BUILD_ID \"${id}\"\n")

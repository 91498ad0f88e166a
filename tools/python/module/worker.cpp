// The program disco-codegen of the package: the worker of tools/disco-codegen, which is part of the
// library beside it.
int disco_codegen_main();

int main() { return disco_codegen_main(); }

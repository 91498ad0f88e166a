/* Calls the objective in the .dpoc file of the command line through the runtime library. */
#include "runtime/CInterface.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  char error[512];
  disco_kernel *kernel = disco_load(argv[argc - 1], error, sizeof error);
  if (!kernel) {
    printf("%s\n", error);
    return 1;
  }
  const float chosen[2] = {-1, -4}, rejected[2] = {-2, -3};
  const void *inputs[2] = {0};
  for (size_t i = 0; i < disco_count(kernel, DISCO_INPUTS) && i < 2; ++i)
    inputs[i] = strcmp(disco_name(kernel, DISCO_INPUTS, i), "policy_chosen_logps") == 0 ? chosen
                                                                                         : rejected;
  const float numbers[2] = {(float)disco_default(kernel, 0), 0};
  float loss, first[2], second[2];
  float *gradients[2] = {first, second};
  disco_gradient(kernel, inputs, numbers, 2, &loss, gradients);
  printf("loss %g gradients %g %g %g %g\n", loss, first[0], first[1], second[0], second[1]);
  disco_unload(kernel);
  return 0;
}

/* Calls the objective in the .dpoc file of the command line through the runtime library: in float, or
 * in double where FLOAT64 is defined. */
#include "runtime/CInterface.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#ifdef FLOAT64
typedef double real;
typedef float other;
#define DTYPE DISCO_FLOAT64
#define GRADIENT disco_gradient_float64
#define REPORT disco_report_float64
#define OTHER_GRADIENT disco_gradient
#define OTHER_REPORT disco_report
#else
typedef float real;
typedef double other;
#define DTYPE DISCO_FLOAT32
#define GRADIENT disco_gradient
#define REPORT disco_report
#define OTHER_GRADIENT disco_gradient_float64
#define OTHER_REPORT disco_report_float64
#endif

int main(int argc, char **argv) {
  (void)argc;
  char error[512];
  disco_kernel *kernel = disco_load(argv[1], DTYPE, error, sizeof error);
  if (!kernel) {
    printf("%s\n", error);
    return 1;
  }
  const real chosen[2] = {-1.125, -4}, rejected[2] = {-2, -3};
  const void *inputs[2] = {0};
  for (size_t i = 0; i < disco_count(kernel, DISCO_INPUTS) && i < 2; ++i)
    inputs[i] = strcmp(disco_name(kernel, DISCO_INPUTS, i), "policy_chosen_logps") == 0 ? chosen
                                                                                         : rejected;
  const real numbers[2] = {(real)disco_default(kernel, 0), 0};
  real loss, first[2], second[2];
  real *gradients[2] = {first, second};
  if (GRADIENT(kernel, inputs, numbers, 2, &loss, gradients, NULL) != 0)
    return 2;
  printf("loss %.15g gradients %g %g %g %g\n", loss, first[0], first[1], second[0], second[1]);
  real losses[2], *rewards[2] = {first, second};
  if (REPORT(kernel, inputs, numbers, 2, losses, rewards, NULL) != 0)
    return 2;
  printf("losses %g %g\n", losses[0], losses[1]);

  const real broken[2] = {-1, -(real)INFINITY};
  const void *bad[2] = {broken, broken};
  int64_t first_bad = -1;
  const int flags = GRADIENT(kernel, bad, numbers, 2, &loss, gradients, &first_bad);
  printf("flags %d, pair %d\n", flags, (int)first_bad);

  /* Refused calls write nothing. */
  const other otherNumbers[2] = {0};
  other untouched = 7, *otherOutputs[2] = {&untouched, &untouched};
  real kept = 7, *outputs[2] = {&kept, &kept};
  const int64_t large = INT64_C(1) << 31;
  printf("refused %d %d %d %d %d, kept %g %g\n",
         OTHER_GRADIENT(kernel, inputs, otherNumbers, 2, &untouched, otherOutputs, NULL),
         OTHER_REPORT(kernel, inputs, otherNumbers, 2, &untouched, otherOutputs, &untouched),
         GRADIENT(kernel, inputs, numbers, -1, &kept, outputs, NULL),
         GRADIENT(kernel, inputs, numbers, large, &kept, outputs, NULL),
         REPORT(kernel, inputs, numbers, large, &kept, outputs, &kept), (double)untouched,
         (double)kept);
  disco_unload(kernel);
  return 0;
}

/* Calls the objective `pair_loss` through the header that discoc wrote: in float, or in double where
 * FLOAT64 is defined. */
#ifdef FLOAT64
#include "pair_loss_float64.h"
typedef double real;
#define OF(NAME) pair_loss_float64_##NAME
#else
#include "pair_loss.h"
typedef float real;
#define OF(NAME) pair_loss_##NAME
#endif

#include <math.h>
#include <stdio.h>

int main(void) {
  const real chosen[2] = {-1.125, -4}, rejected[2] = {-2, -3};
  const void *inputs[OF(INPUTS)];
  inputs[OF(INPUT_policy_chosen_logps)] = chosen;
  inputs[OF(INPUT_policy_rejected_logps)] = rejected;
  real numbers[OF(NUMBERS)] = {0};
  numbers[OF(NUMBER_beta)] = OF(defaults)[OF(NUMBER_beta)];
  real loss, first[2], second[2];
  real *gradients[OF(GRADIENTS)];
  gradients[OF(GRADIENT_policy_chosen_logps)] = first;
  gradients[OF(GRADIENT_policy_rejected_logps)] = second;
  if (OF(gradient)(inputs, numbers, 2, &loss, gradients, NULL) != 0)
    return 1;
  printf("loss %.15g gradients %g %g %g %g\n", loss, first[0], first[1], second[0], second[1]);
  real losses[2], chosen_rewards[2], rejected_rewards[2], metrics[1] = {0};
  real *rewards[2] = {chosen_rewards, rejected_rewards};
  if (OF(report)(inputs, numbers, 2, losses, rewards, metrics) != 0)
    return 1;
  printf("losses %g %g\n", losses[0], losses[1]);
  const real broken[2] = {-1, -(real)INFINITY};
  const void *bad[2] = {broken, broken};
  int64_t first_bad = -1;
  const int flags = OF(gradient)(bad, numbers, 2, &loss, gradients, &first_bad);
  printf("flags %d, pair %d\n", flags, (int)first_bad);
  printf("refused %d %d\n", OF(gradient)(inputs, numbers, -1, NULL, NULL, NULL),
         OF(report)(inputs, numbers, INT64_C(1) << 31, NULL, NULL, NULL));
  return 0;
}

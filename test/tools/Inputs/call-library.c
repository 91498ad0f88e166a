/* Calls the objective `pair_loss` through the header that discoc wrote. */
#include "pair_loss.h"

#include <stdio.h>

int main(void) {
  const float chosen[2] = {-1, -4}, rejected[2] = {-2, -3};
  const void *inputs[pair_loss_INPUTS];
  inputs[pair_loss_INPUT_policy_chosen_logps] = chosen;
  inputs[pair_loss_INPUT_policy_rejected_logps] = rejected;
  float numbers[pair_loss_NUMBERS] = {0};
  numbers[pair_loss_NUMBER_beta] = pair_loss_defaults[pair_loss_NUMBER_beta];
  float loss, first[2], second[2];
  float *gradients[pair_loss_GRADIENTS];
  gradients[pair_loss_GRADIENT_policy_chosen_logps] = first;
  gradients[pair_loss_GRADIENT_policy_rejected_logps] = second;
  if (pair_loss_gradient(inputs, numbers, 2, &loss, gradients) != 0)
    return 1;
  printf("loss %g gradients %g %g %g %g\n", loss, first[0], first[1], second[0], second[1]);
  float losses[2], chosen_rewards[2], rejected_rewards[2], metrics[1] = {0};
  float *rewards[2] = {chosen_rewards, rejected_rewards};
  if (pair_loss_report(inputs, numbers, 2, losses, rewards, metrics) != 0)
    return 1;
  printf("losses %g %g\n", losses[0], losses[1]);
  return 0;
}

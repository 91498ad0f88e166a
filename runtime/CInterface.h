/* Compiled objectives (.dpoc files) from C. Link with disco_runtime and the C++ standard library.
 *
 *   char error[256];
 *   disco_kernel *kernel = disco_load("lrml.dpoc", DISCO_FLOAT32, error, sizeof error);
 *   if (!kernel) ... error says why
 *   int status = disco_gradient(kernel, inputs, numbers, pairs, &loss, gradients, NULL);
 */
#ifndef DISCO_RUNTIME_C_INTERFACE_H
#define DISCO_RUNTIME_C_INTERFACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct disco_kernel disco_kernel;

/* What a kernel computes in, and what its arrays and numbers are of: float or double. */
typedef enum { DISCO_FLOAT32, DISCO_FLOAT64 } disco_dtype;

/* What calls return: 0; or which results are not finite, one of these or their sum; or why nothing
 * was written. */
enum {
  DISCO_NON_FINITE_LOSS = 1,
  DISCO_NON_FINITE_GRADIENT = 2,
  DISCO_OTHER_DTYPE = -1, /* the kernel is of the other disco_dtype */
  DISCO_BAD_PAIRS = -2    /* `pairs` is negative or above 2147483647 */
};

/* What a kernel reads and writes, each list in the order of its argument. */
typedef enum {
  DISCO_INPUTS,
  DISCO_GRADIENTS, /* the inputs that receive one */
  DISCO_PARAMETERS,
  DISCO_STATES,
  DISCO_METRICS
} disco_list;

/* The file's code for this CPU and type of number. NULL if there is none; `error`, if not NULL,
 * then holds at most `error_size` bytes that say why, with their final zero. */
disco_kernel *disco_load(const char *path, disco_dtype dtype, char *error, size_t error_size);
void disco_unload(disco_kernel *kernel);

size_t disco_count(const disco_kernel *kernel, disco_list list);
/* NULL past the end. The text lives as long as the kernel. */
const char *disco_name(const disco_kernel *kernel, disco_list list, size_t index);
/* The value that the author wrote for a parameter; NaN past the end. */
double disco_default(const disco_kernel *kernel, size_t parameter);

/* `inputs`, `loss` and `gradients` as in HostKernel (Kernel.h); `numbers` are the parameters, the
 * states before the step, and the progress. Where something is not finite, `first_bad`, if not
 * NULL, receives the first pair with such a number, or -1 where it is the whole batch's. Calls may
 * come from several threads at once. */
int disco_gradient(const disco_kernel *kernel, const void *const *inputs, const float *numbers,
                   int64_t pairs, float *loss, float *const *gradients, int64_t *first_bad);
int disco_report(const disco_kernel *kernel, const void *const *inputs, const float *numbers,
                 int64_t pairs, float *losses, float *const *rewards, float *metrics);
/* The same of kernels that were loaded as DISCO_FLOAT64. */
int disco_gradient_float64(const disco_kernel *kernel, const void *const *inputs,
                           const double *numbers, int64_t pairs, double *loss,
                           double *const *gradients, int64_t *first_bad);
int disco_report_float64(const disco_kernel *kernel, const void *const *inputs,
                         const double *numbers, int64_t pairs, double *losses,
                         double *const *rewards, double *metrics);

#ifdef __cplusplus
}
#endif

#endif

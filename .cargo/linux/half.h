/* mlx-c takes its float16/bfloat16 types from Arm's headers, and leaves its
 * accessors out elsewhere; bindgen's clang cannot read GCC's Arm headers. This
 * header, force-included, supplies the two names everywhere: MLX's own classes
 * for C++, and types of the same size for bindgen, which reads the headers as C.
 * CMake's first check of the compiler runs without MLX's include folder. */
#if !defined(__cplusplus) || __has_include(<mlx/types/half_types.h>)
#define MLX_HALF_H
#define HAS_FLOAT16
#define HAS_BFLOAT16
#ifdef __cplusplus
#include <mlx/types/half_types.h>
using float16_t = mlx::core::float16_t;
using bfloat16_t = mlx::core::bfloat16_t;
#else
typedef _Float16 float16_t;
typedef unsigned short bfloat16_t;
#endif
#endif

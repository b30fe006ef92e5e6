/* std::format for plain "{}" where the C++ library has no <format> (GCC < 13).
 * mlx-c uses it for a few error messages only. */
#pragma once
#if defined(__cplusplus)
#include <version>
#if !defined(__cpp_lib_format)
#include <sstream>
#include <string>
#include <string_view>
namespace std {
inline string format(string_view pattern) {
  return string(pattern);
}
template <class First, class... Rest>
string format(string_view pattern, const First& first, const Rest&... rest) {
  const auto brace = pattern.find("{}");
  if (brace == string_view::npos) {
    return string(pattern);
  }
  ostringstream out;
  out << pattern.substr(0, brace) << first
      << format(pattern.substr(brace + 2), rest...);
  return out.str();
}
} // namespace std
#endif
#endif

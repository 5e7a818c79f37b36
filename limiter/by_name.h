// A set that owns its elements and finds them by name: an overload of name_of() says what that is.
// As a map from name to element it would hold each name a second time.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <unordered_set>

namespace sluice::limiter {

// Neither may be noexcept: the standard library would then not keep the hashes.
struct HashOfName {
  using is_transparent = void;
  std::size_t operator()(std::string_view name) const {
    return std::hash<std::string_view>{}(name);
  }
  template <class T>
  std::size_t operator()(const std::unique_ptr<T>& element) const {
    return (*this)(name_of(*element));
  }
};

struct SameName {
  using is_transparent = void;
  template <class T>
  bool operator()(const std::unique_ptr<T>& a, const std::unique_ptr<T>& b) const {
    return name_of(*a) == name_of(*b);
  }
  template <class T>
  bool operator()(std::string_view name, const std::unique_ptr<T>& element) const {
    return name == name_of(*element);
  }
  template <class T>
  bool operator()(const std::unique_ptr<T>& element, std::string_view name) const {
    return name == name_of(*element);
  }
};

template <class T>
using ByName = std::unordered_set<std::unique_ptr<T>, HashOfName, SameName>;

}  // namespace sluice::limiter

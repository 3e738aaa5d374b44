// Who may use the server: named keys from a file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

class ApiKeys {
 public:
  ApiKeys() = default;  // none: everybody may

  // Lines of "name: key"; empty lines and those that begin with # say nothing. Names are letters, digits, - and _; a
  // key has 16 characters or more, none of them a space. Error{BadFile} naming the line, never the key.
  static ApiKeys read(const std::filesystem::path& file);

  bool empty() const { return keys_.empty(); }

  // The name of the key in an Authorization header: "Bearer KEY", or "Basic …" with the key as password and any user.
  // How long it takes does not depend on how much of a key is right.
  std::optional<std::string> owner(std::string_view authorization) const;

 private:
  struct Key {
    std::string name;
    std::string digest;  // SHA-256: all of one length, and the key itself is nowhere
  };
  std::vector<Key> keys_;
};

}  // namespace newbie

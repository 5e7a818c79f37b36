// What a program calls of AWS, and on what: its client calls nothing else, and its policy in
// deploy/iam allows this and nothing else (docs/iam.md; tests/scripts/iam_test.py compares).
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace sluice::aws {

struct Use {
  std::string_view of;         // the policy's statement, which names the resource: "Queue"
  std::string_view service;    // with the operation a row of operation.h
  std::string_view operation;  // "SendMessageBatch"
};
using Uses = std::span<const Use>;

// Of whoever has settings of the form secret://aws/...
inline constexpr std::array kSecretUses{Use{"Secrets", "secrets_manager", "GetSecretValue"}};
// Of whatever keys a profile assumes a role with; nobody's, where the machine gives the role.
inline constexpr std::array kRoleUses{Use{"Role", "sts", "AssumeRole"},
                                      Use{"Role", "sts", "AssumeRoleWithWebIdentity"}};

}  // namespace sluice::aws

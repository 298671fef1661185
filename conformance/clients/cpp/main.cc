// Runs every test of AGENTCONF_CASES and prints one line for each.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "front.h"

using Faults = std::vector<std::string>;

bool Contains(const json& got, const json& want) {
  if (!want.is_object()) return got == want;
  const auto& items = want.items();
  return got.is_object() && std::all_of(items.begin(), items.end(), [&](const auto& item) {
    return got.contains(item.key()) && Contains(got[item.key()], item.value());
  });
}

bool ContainsNames(const json& got, const json& names) {
  const auto message = got.at("message").get<std::string>();
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return message.find(name) != std::string::npos;
  });
}

// Returns the differences between want and got. Keys that want lacks are not compared.
Faults Compare(const json& want, const json& got) {
  Faults faults;
  for (const auto& [key, wanted] : want.items()) {
    const json found = got.value(key == "has" || key == "message_names" ? "reply" : key, json());
    const bool same = key == "has"             ? Contains(found, wanted)
                      : key == "message_names" ? ContainsNames(found, wanted)
                                               : found == wanted;
    if (!same) faults.push_back(key + " should be " + wanted.dump() + ", got " + found.dump());
  }
  return faults;
}

// Plays steps. The method of a kind of step returns the differences.
class Scenario {
 public:
  // Stops at the first failed step.
  Faults Play(const json& steps) {
    for (size_t number = 0; number < steps.size(); number++) {
      auto text = std::regex_replace(steps[number].dump(), std::regex("\\$GUID"), guid_);
      const auto step = json::parse(std::regex_replace(text, std::regex("\\$SEQUENCE"), sequence_));
      auto faults = PlayStep(step.begin().key(), step.begin().value());
      if (faults.empty()) continue;
      faults.insert(faults.begin(), "step " + std::to_string(number) + ", " + step.begin().key());
      return faults;
    }
    return {};
  }

 private:
  Faults PlayStep(const std::string& kind, const json& step) {
    if (kind == "call") return MakeCall(step);
    if (kind == "watch") return BeginWatch(step);
    if (kind == "next") return Next(step);
    if (kind == "stop") return Compare({{"code", 1}}, watch_->Stop());
    if (kind == "end") return End(step);
    return {"no such step"};
  }

  Faults MakeCall(const json& step) {
    const auto got = Call(step);
    LearnGuid(got.value("reply", json::object()));
    return Compare(step["want"], got);
  }

  Faults BeginWatch(const json& step) {
    watch_ = std::make_unique<Watch>(step);
    return {};
  }

  Faults Next(const json& want) {
    const auto got = watch_->Next();
    if (!got.contains("reply")) return {"the watch ended: " + got.dump()};
    LearnGuid(got["content"]);
    auto faults = Compare(want, got);
    LearnSequence(got["content"], faults);
    return faults;
  }

  Faults End(const json& want) {
    auto got = watch_->Next();
    got["reply"] = got["error_info"];
    return Compare(want, got);
  }

  void LearnGuid(const json& message) {
    if (message.contains("guid")) guid_ = message["guid"];
    if (message.contains("result")) guid_ = message["result"].value("guid", guid_);
  }

  void LearnSequence(const json& message, Faults& faults) {
    const auto last = sequence_;
    sequence_ = message.value("lastSequence", message.value("sequence", last));
    if (message.contains("sequence") && std::stoll(sequence_) != std::stoll(last) + 1)
      faults.push_back("sequence " + sequence_ + " after " + last);
  }

  std::string guid_, sequence_;
  std::unique_ptr<Watch> watch_;
};

Faults Run(const json& test) {
  try {
    return test.contains("steps") ? Scenario().Play(test["steps"]) : Compare(test["want"], Call(test));
  } catch (const std::exception& fault) {  // it is of this test, whatever it is
    return {fault.what()};
  }
}

int main() {
  for (const auto& test : json::parse(std::ifstream(getenv("AGENTCONF_CASES")))) {
    const auto name = test["name"].get<std::string>();
    const auto faults = Run(test);
    std::cout << (faults.empty() ? "ok " : "not ok ") << name;
    for (size_t i = 0; i < faults.size(); i++)
      std::cout << (i == 0 ? ": " : "; ") << std::regex_replace(faults[i], std::regex("\n"), " ");
    std::cout << std::endl;
  }
}

// A program that pulls in much of the C++ library, to have a large module to compile: streams, locales, regular expressions,
// containers and algorithms.
#include <algorithm>
#include <deque>
#include <iomanip>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

template <class Map>
void count_words(const std::string& text, Map& counts) {
  const std::regex word("[A-Za-z]+(?:'[a-z]+)?");
  for (std::sregex_iterator it(text.begin(), text.end(), word), end; it != end; ++it)
    ++counts[it->str()];
}

template <class T>
std::string table(const std::vector<T>& values) {
  std::ostringstream out;
  for (const T& value : values) out << std::setw(12) << std::setprecision(4) << std::fixed << value;
  return out.str();
}

struct Node {
  std::string name;
  std::vector<std::unique_ptr<Node>> children;
};

std::unique_ptr<Node> grow(std::mt19937& random, int depth) {
  auto node = std::make_unique<Node>();
  node->name = "n" + std::to_string(random() % 100);
  if (depth > 0) {
    for (unsigned i = 0; i < 1 + random() % 3; ++i)
      node->children.push_back(grow(random, depth - 1));
  }
  return node;
}

size_t weigh(const Node& node) {
  return std::accumulate(node.children.begin(), node.children.end(), node.name.size(),
                         [](size_t sum, const auto& child) { return sum + weigh(*child); });
}

}  // namespace

int main() {
  const std::string text =
      "it's a far, far better thing that I do, than I have ever done; it is a far, far better rest";
  std::map<std::string, int> ordered;
  std::unordered_map<std::string, int> hashed;
  count_words(text, ordered);
  count_words(text, hashed);
  std::mt19937 random(1);
  std::vector<double> numbers(8);
  std::normal_distribution<double> normal(0, 1);
  for (double& number : numbers) number = normal(random);
  std::vector<long> integers(8);
  std::iota(integers.begin(), integers.end(), 1);
  std::shuffle(integers.begin(), integers.end(), random);
  std::list<std::string> names;
  for (const auto& [word, count] : ordered) names.push_back(word + ":" + std::to_string(count));
  names.sort(std::greater<>());
  std::deque<std::set<char>> letters;
  for (const std::string& name : names) letters.emplace_front(name.begin(), name.end());
  std::istringstream in("12 34.5 word 0x1f");
  int i = 0;
  double d = 0;
  std::string s;
  in >> i >> d >> s;
  std::cout << table(numbers) << '\n'
            << table(integers) << '\n'
            << hashed.size() << ' ' << letters.size() << ' ' << i << ' ' << d << ' ' << s << ' '
            << weigh(*grow(random, 5)) << '\n';
  return 0;
}

// C++ with streams, strings, containers and algorithms: counts the words of a rhyme.
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
};
struct Square final : Shape {
  explicit Square(double s) : side(s) {}
  double area() const override { return side * side; }
  double side;
};
struct Disc final : Shape {
  explicit Disc(double r) : radius(r) {}
  double area() const override { return 3.14159265358979 * radius * radius; }
  double radius;
};

}  // namespace

int main() {
  std::istringstream rhyme("the sea takes the shell and the shell takes the sand");
  std::map<std::string, int> count;
  for (std::string word; rhyme >> word;) ++count[word];
  for (const auto& [word, times] : count) {
    std::cout << std::left << std::setw(6) << word << times << '\n';
  }

  std::vector<int> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 1);
  std::unordered_map<int, std::vector<int>> by_remainder;
  for (const int n : numbers) by_remainder[n % 7].push_back(n);
  std::cout << "sum of multiples of 7: "
            << std::accumulate(by_remainder[0].begin(), by_remainder[0].end(), 0L) << '\n';

  std::vector<std::unique_ptr<Shape>> shapes;
  shapes.push_back(std::make_unique<Disc>(1.5));
  shapes.push_back(std::make_unique<Square>(2.5));
  std::sort(shapes.begin(), shapes.end(),
            [](const auto& a, const auto& b) { return a->area() < b->area(); });
  std::cout << std::fixed << std::setprecision(4);
  for (const auto& shape : shapes) std::cout << "area " << shape->area() << '\n';
  std::cout << std::hex << std::showbase << 48879 << std::endl;
  return 0;
}

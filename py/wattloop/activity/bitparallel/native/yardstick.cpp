// Evaluates a Verilated netlist on every record of a file, and says how many seconds the evaluation took.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "Vyardstick.h"
#include "verilated.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif

int main(int, char **argv) {
  VerilatedContext context;
  Vyardstick top{&context};
  constexpr size_t record = (sizeof top.now + 3) / 4 * 4;
  std::FILE *file = std::fopen(argv[1], "rb");
  if (!file) return 1;
  std::fseek(file, 0, SEEK_END);
  const size_t vectors = static_cast<size_t>(std::ftell(file)) / record;
  std::rewind(file);
  std::vector<char> data(vectors * record);
  if (std::fread(data.data(), record, vectors, file) != vectors) return 1;
  std::fclose(file);

  uint32_t sum = 0;  // of the outputs, so that nobody can leave their evaluation out
  const auto start = std::chrono::steady_clock::now();
  for (size_t k = 0; k < vectors; ++k) {
    std::memcpy(&top.now, &data[k * record], sizeof top.now);
    top.eval();
    uint32_t first;
    std::memcpy(&first, &top.ends, sizeof first);
    sum = sum * 31 + first;
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  std::printf("%.9f %u\n", taken.count(), sum);
#if VM_COVERAGE
  context.coveragep()->write(argv[2]);
#endif
}

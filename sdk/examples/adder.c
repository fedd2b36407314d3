// A library rather than a program: what it exports is called from outside, as in `./nacre run --invoke add adder.wasm 2 40`.

__attribute__((export_name("add"))) int add(int a, int b) {
  return a + b;
}

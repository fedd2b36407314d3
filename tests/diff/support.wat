;; What generated modules import: functions that fold what they are told into a number.
(module
  (global $hash (export "hash") (mut i64) (i64.const 14695981039346656037))
  (func $add (param i64)
    (global.set $hash
      (i64.mul (i64.rotl (i64.xor (global.get $hash) (local.get 0)) (i64.const 7))
               (i64.const 1099511628211))))
  (func (export "log-i32") (param i32) (call $add (i64.extend_i32_u (local.get 0))))
  (func (export "log-i64") (param i64) (call $add (local.get 0)))
  ;; Which NaN it is may differ.
  (func (export "log-f32") (param f32)
    (call $add (select (i64.extend_i32_u (i32.reinterpret_f32 (local.get 0))) (i64.const 3)
                       (f32.eq (local.get 0) (local.get 0)))))
  (func (export "log-f64") (param f64)
    (call $add (select (i64.reinterpret_f64 (local.get 0)) (i64.const 5)
                       (f64.eq (local.get 0) (local.get 0))))))

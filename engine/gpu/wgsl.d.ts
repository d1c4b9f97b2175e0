declare module "*.wgsl" {
  const text: string;
  export default text;
}

// The package's bare name resolves to a file that fails outside Bun, and this one has no types beside it.
declare module "wgsl_reflect/wgsl_reflect.module.js" {
  export * from "wgsl_reflect";
}

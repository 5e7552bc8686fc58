// SPDX-License-Identifier: Apache-2.0
//! What a core module imports and exports, from its bytes. The module is
//! known to be valid.

use wasmparser::{
    BinaryReaderError, CompositeInnerType, ExternalKind, FuncType, Parser,
    Payload, TypeRef, ValType,
};

pub struct Import {
    pub module: String,
    pub name: String,
    pub ty: Option<FuncType>, // None: not a function
    pub kind: &'static str,
}

#[derive(Default)]
pub struct CoreModule {
    types: Vec<Option<FuncType>>,
    functions: Vec<u32>, // type of each, imported first
    pub imports: Vec<Import>,
    pub exports: Vec<(String, FuncType)>, // functions only
    pub exports_memory: bool,
    pub has_component_type: bool,
}

impl CoreModule {
    pub fn read(wasm: &[u8]) -> Result<CoreModule, BinaryReaderError> {
        let mut module = CoreModule::default();
        for payload in Parser::new(0).parse_all(wasm) {
            module.payload(payload?)?;
        }
        Ok(module)
    }

    pub fn export(&self, name: &str) -> Option<&FuncType> {
        let found = self.exports.iter().find(|(export, _)| export == name);
        found.map(|(_, ty)| ty)
    }

    /// Whether it exports `name` with just these numbers.
    pub fn has(
        &self,
        name: &str,
        params: &[ValType],
        results: &[ValType],
    ) -> bool {
        self.export(name)
            .is_some_and(|ty| ty.params() == params && ty.results() == results)
    }

    fn payload(&mut self, payload: Payload) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group?.into_types() {
                        self.types.push(match ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => Some(ty),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import?);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    match export.kind {
                        ExternalKind::Func => {
                            let ty = self.functions[export.index as usize];
                            if let Some(ty) = self.ty(ty) {
                                self.exports.push((export.name.into(), ty));
                            }
                        }
                        ExternalKind::Memory => self.exports_memory = true,
                        _ => {}
                    }
                }
            }
            Payload::CustomSection(section)
                if section.name().starts_with("component-type") =>
            {
                self.has_component_type = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn ty(&self, index: u32) -> Option<FuncType> {
        self.types.get(index as usize).cloned().flatten()
    }

    fn import(&mut self, import: wasmparser::Import) {
        let (ty, kind) = match import.ty {
            TypeRef::Func(index) => {
                self.functions.push(index);
                (self.ty(index), "function")
            }
            TypeRef::Memory(_) => (None, "memory"),
            TypeRef::Table(_) => (None, "table"),
            TypeRef::Global(_) => (None, "global"),
            _ => (None, "item"),
        };
        self.imports.push(Import {
            module: import.module.into(),
            name: import.name.into(),
            ty,
            kind,
        });
    }
}

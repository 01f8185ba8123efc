//! An output as a matrix: one row a point or box, one column a number, wherever they lie in memory.

use super::{Outputs, Plan};
use crate::contract::{fields, output_index};
use crate::error::ContractError;
use crate::tensor::{ElementType, Port, Quantisation, TensorRef};

/// A planned view of one output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix {
    /// The output's index.
    output: usize,
    /// Elements of the whole output.
    length: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
    quantisation: Quantisation,
}

impl Matrix {
    /// Finds the output `name`, given under `key`, and views it as `rows` × `columns`; without `rows`, as many as it
    /// has. Its shape is `[1, columns, h, w]` (rows being h·w), `[1, rows, columns]` or `[rows, columns]`.
    pub(super) fn find(
        plan: &Plan<'_>,
        key: &str,
        name: &str,
        rows: Option<usize>,
        columns: usize,
    ) -> Result<Matrix, ContractError> {
        let output = output_index(key, name, plan.outputs)?;
        let port = &plan.outputs[output];
        let refuse = |problem: String| Err(fields::error(key, format!("output `{name}` {problem}")));
        if !matches!(port.element, ElementType::F32 | ElementType::U8 | ElementType::I8) {
            return refuse(format!("holds {}, not f32 or quantised bytes", port.element));
        }
        let found = view(port).filter(|&(found_rows, found_columns, ..)| {
            found_columns == columns && rows.is_none_or(|rows| rows == found_rows)
        });
        let Some((rows, columns, row_stride, column_stride)) = found else {
            let rows = rows.map_or("N".into(), |rows| rows.to_string());
            let shape = &port.shape;
            return refuse(format!(
                "is {shape:?}, which is not the {rows} × {columns} numbers that this contract gives"
            ));
        };
        let quantisation = port.quantisation.unwrap_or(Quantisation::UNIT);
        Ok(Matrix { output, length: port.len(), rows, columns, row_stride, column_stride, quantisation })
    }

    /// The numbers of a run.
    pub(super) fn of<'a>(&self, outputs: &'a dyn Outputs) -> Values<'a> {
        let data = outputs.output(self.output);
        let length = match data {
            TensorRef::F32(data) => data.len(),
            TensorRef::U8(data) => data.len(),
            TensorRef::I8(data) => data.len(),
            TensorRef::I32(_) | TensorRef::I64(_) => 0,
        };
        let data = if length == self.length { data } else { TensorRef::F32(&[]) };
        Values { data, matrix: *self }
    }
}

/// Rows, columns and their strides.
fn view(port: &Port) -> Option<(usize, usize, usize, usize)> {
    let strides = port.strides();
    match *port.shape.as_slice() {
        // Rows and columns of the picture follow each other in both NCHW and NHWC.
        [1, columns, height, width] if height == 1 || strides[2] == width * strides[3] => {
            Some((height * width, columns, strides[3], strides[1]))
        }
        [1, rows, columns] => Some((rows, columns, strides[1], strides[2])),
        [rows, columns] => Some((rows, columns, strides[0], strides[1])),
        _ => None,
    }
}

/// The numbers of one output of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    pub(super) data: TensorRef<'a>,
    pub(super) matrix: Matrix,
}

impl Values<'_> {
    /// The real value at a row and column; 0 where the output is not what was planned for.
    #[inline]
    pub(super) fn at(&self, row: usize, column: usize) -> f32 {
        let index = row * self.matrix.row_stride + column * self.matrix.column_stride;
        match self.data {
            TensorRef::F32(data) => data.get(index).copied().unwrap_or(0.0),
            TensorRef::U8(data) => data.get(index).map_or(0.0, |&stored| self.matrix.real(i32::from(stored))),
            TensorRef::I8(data) => data.get(index).map_or(0.0, |&stored| self.matrix.real(i32::from(stored))),
            TensorRef::I32(_) | TensorRef::I64(_) => 0.0,
        }
    }

    /// Four neighbouring columns.
    #[inline]
    pub(super) fn four(&self, row: usize, first: usize) -> [f32; 4] {
        std::array::from_fn(|i| self.at(row, first + i))
    }
}

impl Matrix {
    /// What a stored value means.
    #[inline]
    pub(super) fn real(&self, stored: i32) -> f32 {
        self.quantisation.real(stored)
    }
}

//! The board's name.

use super::Root;

/// The name that the firmware gives the machine: the device tree's on a board, the DMI tables' on a PC.
pub fn model(root: &Root) -> Option<String> {
    if let Some(name) = root.text("proc/device-tree/model").or_else(|| root.text("sys/firmware/devicetree/base/model"))
    {
        return Some(name);
    }
    // Makers who left the tables as they were say so in these words.
    let unnamed = |name: &String| {
        ["To Be Filled", "System manufacturer", "System Product Name", "Default string"]
            .iter()
            .any(|filler| name.contains(filler))
    };
    let said = |name: &str| root.text(&format!("sys/class/dmi/id/{name}")).filter(|name| !unnamed(name));
    match (said("sys_vendor"), said("product_name")) {
        (Some(vendor), Some(product)) if !product.starts_with(&vendor) => Some(format!("{vendor} {product}")),
        (vendor, product) => product.or(vendor),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn boards_and_pcs_have_names_and_some_machines_have_none() {
        assert_eq!(model(&fixtures::pi4().root()).as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
        assert_eq!(model(&fixtures::pc().root()).as_deref(), Some("ACME Laptop 7"));
        assert_eq!(model(&fixtures::bare().root()), None);
        let unnamed = fixtures::bare().with("sys/class/dmi/id/product_name", "To Be Filled By O.E.M.");
        assert_eq!(model(&unnamed.root()), None);
    }
}

--- What a Python buffer is about, by its text alone.

local M = {}

--- Whether a module is torch, one of its family (torchvision, torch_geometric) or built on it.
local function about_torch(module)
  return vim.startswith(module, 'torch') or module == 'timm' or vim.startswith(module, 'timm.')
end

--- Whether a line imports such a module.
local function imports(line)
  local from = line:match('^%s*from%s+([%w_%.]+)%s+import')
  if from then
    return about_torch(from)
  end
  for module in (line:match('^%s*import%s+(.+)') or ''):gmatch('[^,]+') do
    if about_torch(vim.trim(module)) then
      return true
    end
  end
  return false
end

--- Whether a buffer imports torch.
function M.imports_torch(bufnr)
  for _, line in ipairs(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)) do
    if line:find('import', 1, true) and imports(line) then
      return true
    end
  end
  return false
end

--- Whether a buffer is a Python file with a name.
function M.is_file(bufnr)
  return vim.api.nvim_buf_is_loaded(bufnr)
    and vim.bo[bufnr].filetype == 'python'
    and vim.bo[bufnr].buftype == ''
    and vim.api.nvim_buf_get_name(bufnr) ~= ''
    and not vim.api.nvim_buf_get_name(bufnr):match('^%a[%w+.-]+://')
end

return M
